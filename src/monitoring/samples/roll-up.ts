import { DAY, HOUR } from '../../clock';
import { countOf, lastOf, maxOf, minOf, type Rolled, type SampleBatch, type SampleStore, sumOf } from './sample-store';

/** How many days samples are kept, by resolution. */
export type Retention = { readonly minute: number; readonly hour: number; readonly day: number };

/** Combines the batches of one span into one batch for each source. */
export const rollUp = (at: number, batches: readonly SampleBatch[]): readonly SampleBatch[] =>
  [...Map.groupBy(batches, ({ source }) => source)].map(([source, group]) => {
    const values: Record<string, Rolled> = {};
    for (const batch of group) {
      for (const [key, value] of Object.entries(batch.values)) {
        const sofar = values[key];
        values[key] = sofar
          ? [
              sofar[0] + countOf(value),
              sofar[1] + sumOf(value),
              Math.min(sofar[2], minOf(value)),
              Math.max(sofar[3], maxOf(value)),
              lastOf(value),
            ]
          : [countOf(value), sumOf(value), minOf(value), maxOf(value), lastOf(value)];
      }
    }
    const newest = group.at(-1) as SampleBatch;
    return { at, source, labels: newest.labels, info: newest.info, values };
  });

/** A span that ended while the app was down is still rolled up within this time. */
const CATCH_UP = { hour: 36 * HOUR, day: 5 * DAY } as const;

/**
 * Rolls up every span that has ended and is not rolled up yet, and removes samples beyond their retention. Idempotent.
 * Resolves to how many spans were rolled up and how many rows were removed.
 */
export async function maintain(
  store: SampleStore,
  retention: Retention,
  now: number,
): Promise<{ readonly rolled: number; readonly pruned: number }> {
  let rolled = 0;
  for (const [resolution, from, span] of [
    ['hour', 'minute', HOUR],
    ['day', 'hour', DAY],
  ] as const) {
    const end = Math.floor(now / span) * span;
    const start = Math.max(end - CATCH_UP[resolution], Math.ceil((now - retention[from] * DAY) / span) * span);
    const done = new Set((await store.read({ after: start - 1, until: end - 1, resolution })).map(({ at }) => at));
    for (let at = start; at < end; at += span) {
      if (done.has(at)) continue;
      const batches = await store.read({ after: at - 1, until: at + span - 1, resolution: from });
      if (batches.length === 0) continue;
      await store.writeRolled(resolution, rollUp(at, batches));
      rolled += 1;
    }
  }
  let pruned = 0;
  for (const resolution of ['minute', 'hour', 'day'] as const) {
    pruned += await store.prune(resolution, now - retention[resolution] * DAY);
  }
  return { rolled, pruned };
}
