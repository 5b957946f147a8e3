import type { Client } from '../../../src/client';
import { systemClock } from '../../../src/clock';
import { createDeadLetters } from '../../../src/write-behind';
import { fillOf, type Written } from './entities';
import { type Model, type StoredWrite, sameMark } from './model';

/** Compares what is there with what was acknowledged, and the cache with the database, on every key. */
export async function examine(client: Client, rows: readonly StoredWrite[], model: Model) {
  const letters = await createDeadLetters({ ...client, clock: systemClock }).list({ limit: Number.POSITIVE_INFINITY });
  const { lost } = model.judge(rows, letters);

  await client.redis.ready(5_000);
  const stored = new Map(rows.map((row) => [row.key, row.mark]));
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

  const deadLetters: Record<string, number> = {};
  for (const { reason } of letters) deadLetters[reason] = (deadLetters[reason] ?? 0) + 1;
  return { lost, deadLetters };
}
