import { setTimeout as pause } from 'node:timers/promises';
import { createReclaimer } from '../../../src/cache';
import { decodeEntry, FLAG_DIRTY } from '../../../src/cache/entry/entry-format';
import type { Client } from '../../../src/client';
import { SECOND, systemClock } from '../../../src/clock';
import { physicalKey } from '../../../src/entities/key';
import { NO_VERSION } from '../../../src/entities/version';
import { createDeadLetters } from '../../../src/write-behind';
import { fillOf, type Written } from './entities';
import { type Model, type StoredWrite, sameMark } from './model';

/** A dirty entry is suspect after half a minute. */
const HEALED_WITHIN_MS = 60 * SECOND;

/** Compares what is there with what was acknowledged, and the cache with the database, on every key. */
export async function examine(client: Client, rows: readonly StoredWrite[], model: Model) {
  const letters = await createDeadLetters({ ...client, clock: systemClock }).list({ limit: Number.POSITIVE_INFINITY });
  const { lost } = model.judge(rows, letters);

  await client.redis.ready(5_000);
  const healed = await heal(client, model.keys);
  const stored = new Map(rows.map((row) => [row.key, row.mark]));
  const versions = new Map(rows.map((row) => [row.key, row.version]));
  for (let from = 0; from < model.keys.length; from += 100) {
    const page = model.keys.slice(from, from + 100);
    const found = await client.cache.getMany<Written>(page);
    for (const key of page) {
      const [cached = null, mark = null] = [found.get(key), stored.get(key)];
      if (sameMark(cached, mark) && cached?.fill === (mark ? fillOf(mark) : undefined)) continue;
      const { fill: _, ...seen } = cached ?? { fill: '' };
      model.findings.push(`${key}: the cache has ${JSON.stringify(seen)}, the database ${JSON.stringify(mark)}`);
    }
  }

  // Read after the reads above, so that every key has an entry: of its row's version, and dirty no longer.
  let dirty = 0;
  for (const { key, flags, version } of await entriesOf(client, model.keys)) {
    const row = versions.get(key) ?? NO_VERSION;
    const isDirty = (flags & FLAG_DIRTY) !== 0;
    if (isDirty) dirty++;
    if (isDirty || version !== row) {
      model.findings.push(`${key}: the cache has ${version}${isDirty ? ', dirty' : ''}, the database ${row}`);
    }
  }

  const deadLetters: Record<string, number> = {};
  for (const { reason } of letters) deadLetters[reason] = (deadLetters[reason] ?? 0) + 1;
  return { lost, dirty, healed, deadLetters };
}

/**
 * What a Redis that was killed had forgotten (a settle, a mark) is healed by the reclaim sweep, once it is old enough.
 * Gives how many entries were dirty with the journal empty.
 */
async function heal(client: Client, keys: readonly string[]): Promise<number> {
  const reclaimer = createReclaimer({ ...client, prefixes: [] });
  let healed: number | undefined;
  for (const end = Date.now() + HEALED_WITHIN_MS; ; await pause(SECOND)) {
    const dirty = (await entriesOf(client, keys)).filter(({ flags }) => (flags & FLAG_DIRTY) !== 0);
    healed ??= dirty.length;
    if (dirty.length === 0 || Date.now() > end) return healed;
    await reclaimer.reclaim(
      dirty.map(({ key }) => physicalKey(key)),
      { dryRun: false },
    );
  }
}

async function entriesOf({ redis }: Client, keys: readonly string[]) {
  const found = await Promise.all(
    keys.map(async (key) => ({ key, entry: decodeEntry((await redis.client('cache').get(physicalKey(key))) ?? '') })),
  );
  return found.flatMap(({ key, entry }) => (typeof entry === 'object' ? [{ key, ...entry }] : []));
}
