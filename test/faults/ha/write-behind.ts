import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../../src/client';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import type { Version } from '../../../src/entities/version';
import { createDeadLetters, createFlusher } from '../../../src/write-behind';
import { storeInMemory } from '../../write-behind/support';

/** Writes behind whose acknowledgements are kept, and the job that saves them. */
export class WriteBehind {
  readonly store = storeInMemory();
  readonly entity = defineEntity({ name: 'ha:row', store: this.store, ttlSeconds: 600 });
  readonly #acknowledged = new Map<string, Version>();

  /** One write; rejects as the library does. */
  async write(client: Client, key: string, value: number): Promise<void> {
    const version = await client.cache.writeBehind(key, value);
    if (version > (this.#acknowledged.get(key) ?? '')) this.#acknowledged.set(key, version);
  }

  /** Saves what the journal holds until the writers have `ended`, and then what is left. Stands in for `flushWrites`. */
  async flush(clientNow: () => Promise<Client>, ended: () => boolean): Promise<void> {
    for (;;) {
      const last = ended();
      const client = await clientNow();
      const left = await this.#page(client).catch(() => 1);
      if (left === 0 && last && (await client.journal.depth()) === 0) return;
      if (left === 0) await sleep(20);
    }
  }

  async #page(client: Client): Promise<number> {
    const flusher = createFlusher({ ...client, deadLetters: createDeadLetters({ ...client, clock: systemClock }) });
    const queue = await client.storage.queue(client.settings.WRITE_BEHIND_QUEUE);
    // A flush that failed comes again after this, as it would after the host's visibility time-out.
    const page = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 2 });
    for (const { messageText, messageId, popReceipt } of page.receivedMessageItems) {
      await flusher.flush(JSON.parse(Buffer.from(messageText, 'base64').toString('utf8')), { dequeueCount: 1 });
      await queue.deleteMessage(messageId, popReceipt);
    }
    return page.receivedMessageItems.length;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Keys whose last acknowledged write, or a newer one, is not in the store. */
  get lost(): number {
    const kept = ([key, version]: [string, Version]) => (this.store.rows.get(key)?.version ?? '') >= version;
    return [...this.#acknowledged].filter((entry) => !kept(entry)).length;
  }
}
