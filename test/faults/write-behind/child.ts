import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../../src/client';
import { systemClock } from '../../../src/clock';
import { errorCode } from '../../../src/errors';
import { silentLogger } from '../../../src/logger';
import { readSettings } from '../../../src/settings';
import { createDeadLetters, createFlusher, createPoisonDrain } from '../../../src/write-behind';
import { faultEntities, type Written } from './entities';
import { random } from './random';

/** What a web process says of a write: before it is made, and when it was acknowledged. */
export interface Said {
  readonly what: 'attempt' | 'acknowledged' | 'failed';
  readonly key: string;
  readonly version: string;
  readonly value: Written | null;
  readonly code?: string;
}

const [role, name, keys, seed] = process.argv.slice(2) as [string, string, string, string];
const settings = readSettings(process.env);
const client = createClient({ settings, entities: faultEntities, logger: silentLogger, role });
let ending = false;
// Both may break while everything around does: what counts is what the parent was told.
process.on('uncaughtException', (error) => process.stderr.write(`${name} ${error.stack}\n`));
process.on('unhandledRejection', (error) => process.stderr.write(`${name} unhandled ${String(error)}\n`));
process.on('SIGTERM', () => {
  ending = true;
});
process.on('disconnect', () => process.exit());

async function web(): Promise<void> {
  const next = random(Number(seed));
  const say = (said: Said) => void process.send?.(said);
  let n = 0;
  const lane = async () => {
    while (!ending) {
      // Few hot keys, so that writes meet; many cold ones, so that a lost write is not hidden by the next.
      const key = `fault:row:${Math.floor(next() * (next() < 0.4 ? 20 : Number(keys)))}`;
      const dice = next();
      try {
        if (dice < 0.15) await client.cache.get(key);
        else {
          const value = dice < 0.3 ? null : { by: name, n: ++n };
          const version = await client.cache.takeVersion(key);
          say({ what: 'attempt', key, version, value });
          const saying = { key, version, value };
          await client.cache.writeBehind(key, value ?? undefined, { version }).then(
            () => say({ what: 'acknowledged', ...saying }),
            (error: unknown) => say({ what: 'failed', ...saying, code: errorCode(error) }),
          );
        }
      } catch {
        // Redis, storage or the database is away: nothing was attempted, or a read failed.
      }
      await pause(5 + next() * 10);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** The functions host, as far as the queue goes: a lease of 4 s, five deliveries, then the poison queue. */
async function jobs(): Promise<void> {
  const deadLetters = createDeadLetters({ ...client, clock: systemClock });
  const flusher = createFlusher({ ...client, deadLetters });
  const queues = { writeBehind: settings.WRITE_BEHIND_QUEUE, others: [] };
  const poison = createPoisonDrain({ ...client, deadLetters, queues });
  let drainedAt = Date.now();
  while (!ending) {
    try {
      const queue = await client.storage.queue(settings.WRITE_BEHIND_QUEUE);
      const page = await queue.receiveMessages({ numberOfMessages: 16, visibilityTimeout: 4 });
      await Promise.all(
        page.receivedMessageItems.map(async ({ messageText, messageId, popReceipt, dequeueCount }) => {
          if (dequeueCount > 5)
            await (await client.storage.queue(`${settings.WRITE_BEHIND_QUEUE}-poison`)).sendMessage(messageText);
          else await flusher.flush(JSON.parse(Buffer.from(messageText, 'base64').toString('utf8')), { dequeueCount });
          await queue.deleteMessage(messageId, popReceipt);
        }),
      );
      if (Date.now() - drainedAt > 2_000) {
        await poison.drain();
        drainedAt = Date.now();
      }
      if (page.receivedMessageItems.length === 0) await pause(50);
    } catch {
      await pause(50);
    }
  }
}

(role === 'web' ? web() : jobs()).then(async () => {
  await client.close();
  process.exit(0);
});
