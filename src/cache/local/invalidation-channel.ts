import { randomBytes } from 'node:crypto';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import type { RedisClient, RedisHandle } from '../../redis/types';

/** What other processes with a local layer are told. No key: all keys may have changed. */
export interface Change {
  readonly key?: string;
}

const CHANNEL = 'cache:changed';

/**
 * Tells the local layers of other processes what was changed, over pub/sub. Messages may be lost: what that costs is
 * bounded by the age of a copy.
 */
export class Bus {
  readonly #id = randomBytes(6).toString('base64url');
  #subscriber: RedisClient | undefined;

  constructor(
    private readonly redis: RedisHandle,
    private readonly logger: Logger,
    private readonly onChange: (change: Change) => void,
    /** Messages arrive from now on, or no longer. */
    private readonly onListening: (listening: boolean) => void,
  ) {}

  /** Begins to listen; again and again until it can. Called at the first use, so that nothing connects before. */
  listen(): void {
    if (this.#subscriber !== undefined) return;
    const subscriber = this.redis.dedicated('cache', 'changes');
    this.#subscriber = subscriber;
    subscriber.on('message', (_channel: string, text: string) => this.#received(text));
    subscriber.on('close', () => this.onListening(false));
    // Again on each new connection: what was said meanwhile is lost.
    subscriber.on('ready', () => void this.#subscribe(subscriber));
    if (subscriber.status === 'wait') subscriber.connect().catch(() => {});
  }

  tell(change: Change): void {
    const text = JSON.stringify({ from: this.#id, ...change });
    this.redis
      .client('cache')
      .publish(CHANNEL, text)
      .catch(() => {
        // The bound of a copy's age is the repair.
      });
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  async #subscribe(subscriber: RedisClient): Promise<void> {
    try {
      await subscriber.subscribe(CHANNEL);
      this.onListening(true);
    } catch (error) {
      this.logger.warn({ error: coerceError(error).message }, 'not listening for changes: no local copies');
    }
  }

  #received(text: string): void {
    try {
      const { from, key } = JSON.parse(text) as { from?: string; key?: string };
      if (from !== this.#id) this.onChange(typeof key === 'string' ? { key } : {});
    } catch {
      this.onChange({});
    }
  }
}
