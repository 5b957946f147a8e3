import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { settledWithin } from '../../timeout';
import { type RedisModeError, RedisUnavailableError } from '../errors';
import { modeFault, scrub } from './map-error';
import type { SharedCluster, SharedRedis } from './shared-client';

/** Callers that may wait for a connection at once; further ones fail at once. */
const WAITERS_LIMIT = 1_000;

export type EventCounts = Record<'error' | 'reconnecting' | 'ready' | 'end', number>;

interface ConnectionOptions {
  readonly client: SharedRedis | SharedCluster;
  /** `host:port`, for messages. */
  readonly where: string;
  readonly logger: Logger;
  readonly counts: EventCounts;
  /** For a cluster client, which reports only that it closed: connects to a node and returns the error of that. */
  readonly diagnose: (() => Promise<Error | undefined>) | undefined;
  /** Called on each new connection, before its waiters go on. They get what it throws. */
  readonly onReady: () => void;
}

/** One shared connection: logs each change of its state once, and lets callers wait until it can be used. */
export class Connection {
  readonly client: SharedRedis | SharedCluster;
  lastError: Error | undefined;
  #logged: 'nothing' | 'ready' | 'reconnecting' = 'nothing';
  #loggedErrors = new Set<string>();
  #diagnosing = false;
  readonly #waiters = new Set<() => void>();

  constructor(private readonly options: ConnectionOptions) {
    this.client = options.client;
    const { client, counts, logger, where } = options;
    client.on('error', (error: Error) => this.#failed(error, where));
    client.on('node error', (error: Error, node: string) => this.#failed(error, node));
    client.on('reconnecting', () => {
      counts.reconnecting += 1;
      if (this.#logged !== 'reconnecting') {
        const cause = this.lastError && { cause: this.lastError.message };
        logger.warn({ redis: where, ...cause }, 'redis reconnecting');
      }
      this.#logged = 'reconnecting';
    });
    client.on('ready', () => {
      counts.ready += 1;
      if (this.#logged !== 'ready') logger.info({ redis: where }, 'redis ready');
      this.#logged = 'ready';
      this.#loggedErrors.clear();
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
    if (diagnose === undefined || cause.message !== 'Connection is closed.') this.#log(cause, where);
    else if (!this.#diagnosing) {
      this.#diagnosing = true;
      void diagnose()
        .then((found) => this.isReady || this.#log(scrub(found ?? cause), where))
        .finally(() => {
          this.#diagnosing = false;
        });
    }
  }

  #log(error: Error, where: string): void {
    this.lastError = error;
    const message = error.message || errorCode(error);
    const line = `${where} ${message}`;
    if (this.#loggedErrors.has(line)) return;
    if (this.#loggedErrors.size < 100) this.#loggedErrors.add(line);
    this.options.logger.error({ redis: where, code: errorCode(error), error: message }, 'redis error');
  }

  #wake(): void {
    const waiting = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiting) wake();
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /** Resolves once commands can be sent; connects if nothing has yet. Rejects after `ms` with the last error. */
  async ready(ms: number): Promise<void> {
    const { client, where } = this.options;
    if (this.isReady) return;
    if (client.status === 'end') throw new RedisUnavailableError('the connection to Redis was closed by this process');
    if (this.#waiters.size >= WAITERS_LIMIT) {
      throw this.#unavailable(`and ${WAITERS_LIMIT} callers wait for one already`);
    }
    if (client.status === 'wait') client.connect().catch(() => {}); // the `error` event reports it
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

  /** Lets commands that were sent be answered, for at most `ms`, then closes the connection. */
  async close(ms: number): Promise<void> {
    const { client } = this;
    if (client.status === 'end') return;
    const until = performance.now() + ms;
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    if (this.isReady) await settledWithin(client.settle(), ms);
    // Between two attempts there is no socket, and ioredis emits no `end`.
    const hasSocket = client.status !== 'reconnecting' && client.status !== 'wait';
    client.disconnect();
    if (hasSocket) await settledWithin(ended, Math.max(0, until - performance.now()));
    client.giveUp();
    this.#wake();
  }
}

/** ioredis' cluster reports only that it failed; the node's own error is inside. */
const causeOf = (error: Error & { lastNodeError?: Error; errors?: readonly Error[] }): Error =>
  error.lastNodeError ?? error.errors?.[0] ?? error;
