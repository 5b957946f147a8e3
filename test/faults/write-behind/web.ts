import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../../src/client';
import { errorCode } from '../../../src/errors';
import { silentLogger } from '../../../src/logger';
import { readSettings } from '../../../src/settings';
import { faultEntities, type Mark, writtenOf } from './entities';
import { random } from './random';

/** What a web process says of a write: before it is made, and what came of it. */
export type Said =
  | {
      readonly what: 'attempt' | 'acknowledged' | 'failed';
      readonly key: string;
      readonly version: string;
      /** Null for a delete. */
      readonly mark: Mark | null;
      readonly code?: string;
    }
  /** An error that is not this library's. */
  | { readonly what: 'odd'; readonly error: string };

/** Writers and readers at once. */
const WORKERS = 8;
/** Few hot keys, so that writes meet; many cold ones, so that a lost write is not hidden by the next. */
const HOT_KEYS = 20;

const [name, keys, seed] = process.argv.slice(2) as [string, string, string];
const settings = readSettings(process.env);
const client = createClient({ settings, entities: faultEntities, logger: silentLogger });
const next = random(Number(seed));
let written = 0;
let ending = false;
process.on('SIGTERM', () => {
  ending = true;
});

/** Resolves when it is on its way: nothing that was said is lost with this process. */
const say = (said: Said) => new Promise<void>((resolve) => process.send?.(said, () => resolve()));

const oddity = (thrown: unknown) =>
  /^E_(?!UNKNOWN$)/.test(errorCode(thrown)) ? undefined : String((thrown as Error)?.stack ?? thrown);

function newMark(): Mark | null {
  const dice = next();
  if (dice < 0.15) return null;
  const size = dice < 0.17 ? 49_000 + Math.floor(next() * 100_000) : Math.floor(next() * 100);
  return { by: name, n: ++written, size, bad: dice > 0.995 };
}

async function write(key: string): Promise<void> {
  const version = await client.cache.takeVersion(key);
  const mark = newMark();
  const saying = { key, version, mark };
  await say({ what: 'attempt', ...saying });
  for (;;) {
    try {
      await client.cache.writeBehind(key, mark ? writtenOf(mark) : undefined, { version });
      await say({ what: 'acknowledged', ...saying });
      return;
    } catch (error) {
      await say({ what: 'failed', ...saying, code: errorCode(error) });
      if (oddity(error)) throw error;
      // An unknown write may be repeated with its version, as its error says; others are given up.
      if (errorCode(error) !== 'E_WRITE_UNKNOWN' || next() < 0.5) return;
    }
  }
}

async function runWorker(): Promise<void> {
  while (!ending) {
    const key = `fault:row:${Math.floor(next() * (next() < 0.4 ? HOT_KEYS : Number(keys)))}`;
    try {
      if (next() < 0.15) await client.cache.get(key);
      else await write(key);
    } catch (thrown) {
      // Redis, storage or the database is unavailable: nothing was attempted, or a read failed.
      const odd = oddity(thrown);
      if (odd) await say({ what: 'odd', error: odd });
    }
    await pause(5 + next() * 10);
  }
}

void Promise.all(Array.from({ length: WORKERS }, runWorker))
  .then(() => client.close())
  .then(() => process.exit(0));
