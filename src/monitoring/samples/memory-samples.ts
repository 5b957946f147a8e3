import { DAY } from '../../clock';
import type { Baseline, Resolution, SampleBatch, SampleStore } from './sample-store';

/** Samples in memory, for tests and benchmarks. */
export function createMemorySampleStore(): SampleStore {
  const tables: Record<Resolution, Map<string, SampleBatch>> = { minute: new Map(), hour: new Map(), day: new Map() };
  const baselines = new Map<string, Baseline>();
  const put = (resolution: Resolution, batches: readonly SampleBatch[]) => {
    for (const batch of batches) tables[resolution].set(`${batch.at}|${batch.source}`, batch);
  };
  return {
    write: async (batches, given) => {
      put('minute', batches);
      for (const baseline of given) baselines.set(baseline.source, baseline);
    },
    baselines: async (now) => [...baselines.values()].filter(({ at }) => at > now - DAY),
    writeRolled: async (resolution, batches) => put(resolution, batches),
    read: async ({ after, until, resolution = 'minute' }) =>
      [...tables[resolution].values()]
        .filter(({ at }) => at > after && at <= until)
        .sort((a, b) => a.at - b.at || (a.source < b.source ? -1 : 1)),
    prune: async (resolution, before) => {
      const old = [...tables[resolution]].filter(([, { at }]) => at < before).slice(0, 5_000);
      for (const [key] of old) tables[resolution].delete(key);
      return old.length;
    },
  };
}
