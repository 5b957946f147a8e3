import { randomBytes } from 'node:crypto';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import type { RedisClient, RedisHandle } from '../../redis/types';

const CHANNEL = 'cache:changed';

/**
 * Publishes changes to the local layers of other processes, by Redis pub/sub. Messages may be lost; the bound on a
 * copy's age limits how long a copy may then be stale.
 */
export class InvalidationChannel {
  readonly #id = randomBytes(6).toString('base64url');
  #subscriber: RedisClient | undefined;

  constructor(
    private readonly redis: RedisHandle,
    private readonly logger: Logger,
    /** Another process has changed a key; or, without `key`, any key. */
    private readonly onChange: (key?: string) => void,
    /** Called with true once messages arrive, and with false when they no longer do. */
    private readonly onListening: (isListening: boolean) => void,
  ) {}

  /** Subscribes, and tries again until it succeeds. Called at the first use, so that nothing connects before it. */
  listen(): void {
    if (this.#subscriber !== undefined) return;
    const subscriber = this.redis.dedicated('cache', 'changes');
    this.#subscriber = subscriber;
    subscriber.on('message', (_channel: string, text: string) => this.#received(text));
    subscriber.on('close', () => this.onListening(false));
    // Each new connection needs a new subscription. Messages sent in between are lost.
    subscriber.on('ready', () => void this.#subscribe(subscriber));
    if (subscriber.status === 'wait') subscriber.connect().catch(() => {});
  }

  /** Without `key`, any key may have changed. */
  publish(key?: string): void {
    const text = JSON.stringify({ from: this.#id, key });
    this.redis
      .client('cache')
      .publish(CHANNEL, text)
      .catch(() => {
        // A lost message is allowed: copies are only used for a limited time.
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
      const message =
        'subscribing to cache changes failed: the local layer stays empty until a new connection succeeds';
      this.logger.warn({ error: coerceError(error).message }, message);
    }
  }

  #received(text: string): void {
    try {
      const { from, key } = JSON.parse(text) as { from?: string; key?: string };
      if (from !== this.#id) this.onChange(typeof key === 'string' ? key : undefined);
    } catch {
      this.onChange();
    }
  }
}
