import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { settledWithin } from '../../timeout';
import { scrub } from '../auth/scrub';
import { type RedisModeError, RedisUnavailableError } from '../errors';
import { modeFault } from './map-error';
import type { SharedCluster, SharedRedis } from './shared-client';

/** Callers that may wait for a connection at once; the rest fail at once. */
const WAITERS_LIMIT = 1_000;

export type EventCounts = Record<'error' | 'reconnecting' | 'ready' | 'end', number>;

interface LinkOptions {
  readonly client: SharedRedis | SharedCluster;
  /** Where to, for messages: `host:port`. */
  readonly where: string;
  readonly logger: Logger;
  readonly counts: EventCounts;
  /** Connects once more and gives what went wrong, for a client whose own errors don't say it. */
  readonly diagnose?: () => Promise<Error | undefined>;
  /** Called on each new connection, before those who wait for it go on. An error here is what they get. */
  readonly onReady: () => void;
}

/** One shared connection: its state, told once a change, and a gate where callers wait until it can be used. */
export class Link {
  readonly client: SharedRedis | SharedCluster;
  lastError: Error | undefined;
  #told: 'nothing' | 'ready' | 'away' = 'nothing';
  #toldErrors = new Set<string>();
  #diagnosing = false;
  readonly #waiters = new Set<() => void>();

  constructor(private readonly options: LinkOptions) {
    this.client = options.client;
    const { client, counts, logger, where } = options;
    client.on('error', (error: Error) => this.#failed(error, where));
    client.on('node error', (error: Error, node: string) => this.#failed(error, node));
    client.on('reconnecting', () => {
      counts.reconnecting += 1;
      if (this.#told !== 'away') logger.warn({ redis: where, cause: this.lastError?.message }, 'redis reconnecting');
      this.#told = 'away';
    });
    client.on('ready', () => {
      counts.ready += 1;
      if (this.#told !== 'ready') logger.info({ redis: where }, 'redis ready');
      this.#told = 'ready';
      this.#toldErrors.clear();
      this.lastError = undefined;
      options.onReady();
      this.#wake();
    });
    client.on('end', () => {
      counts.end += 1;
      logger.info({ redis: where }, 'redis connection ended');
      this.#wake();
    });
  }

  #failed(error: Error, where: string): void {
    this.options.counts.error += 1;
    const cause = scrub(causeOf(error));
    const { diagnose } = this.options;
    if (diagnose === undefined || cause.message !== 'Connection is closed.') this.#tell(cause, where);
    else if (!this.#diagnosing) {
      this.#diagnosing = true;
      void diagnose()
        .then((found) => this.isReady || this.#tell(scrub(found ?? cause), where))
        .finally(() => {
          this.#diagnosing = false;
        });
    }
  }

  #tell(error: Error, where: string): void {
    this.lastError = error;
    const message = this.lastError.message || errorCode(this.lastError);
    const told = `${where} ${message}`;
    if (this.#toldErrors.has(told)) return;
    if (this.#toldErrors.size < 100) this.#toldErrors.add(told);
    this.options.logger.error({ redis: where, code: errorCode(this.lastError), error: message }, 'redis error');
  }

  #wake(): void {
    const waiting = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiting) wake();
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /** Resolves once commands can be sent; connects if nothing has yet. Rejects after `ms` with what went wrong. */
  async ready(ms: number): Promise<void> {
    const { client, where } = this.options;
    if (this.isReady) return;
    if (client.status === 'end') throw new RedisUnavailableError('the connection to Redis was closed by this process');
    if (this.#waiters.size >= WAITERS_LIMIT)
      throw this.#unavailable(`and ${WAITERS_LIMIT} callers wait for one already`);
    if (client.status === 'wait') client.connect().catch(() => {}); // the `error` event tells
    await new Promise<void>((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        if (this.isReady) resolve();
        else reject(new RedisUnavailableError(`the connection to Redis at ${where} was closed by this process`));
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(wake);
        reject(this.#unavailable(`within ${ms} ms`));
      }, ms);
      this.#waiters.add(wake);
    });
  }

  #unavailable(rest: string): RedisUnavailableError | RedisModeError {
    const fault = this.lastError && modeFault(this.lastError);
    if (fault) return fault;
    const reason = this.lastError ? `: ${this.lastError.message || errorCode(this.lastError)}` : '';
    return new RedisUnavailableError(`no connection to Redis at ${this.options.where} ${rest}${reason}`, {
      cause: this.lastError,
    });
  }

  /** Lets commands under way end, for at most `ms`, then closes the connection. */
  async close(ms: number): Promise<void> {
    const { client } = this;
    if (client.status === 'end') return;
    const until = performance.now() + ms;
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    if (this.isReady) await settledWithin(client.settle(), ms);
    // Between two attempts there is no socket, and ioredis emits no `end` for it.
    const hasSocket = client.status !== 'reconnecting' && client.status !== 'wait';
    client.disconnect();
    if (hasSocket) await settledWithin(ended, Math.max(0, until - performance.now()));
    client.giveUp();
    this.#wake();
  }
}

/** ioredis' cluster says only that it failed; the node's own error is inside. */
function causeOf(error: Error & { lastNodeError?: Error; errors?: readonly Error[] }): Error {
  return error.lastNodeError ?? error.errors?.[0] ?? error;
}
