import { MINUTE } from '../../clock';
import type { SampleBatch, SampleStore } from './sample-store';

/** A source that has been silent for longer is not shown as if it still said this. */
export const LOOK_BACK = 5 * MINUTE;

/** The newest batch of each source. */
export async function latestBatches(store: SampleStore, now: number): Promise<readonly SampleBatch[]> {
  const newest = new Map<string, SampleBatch>();
  for (const batch of await store.read({ after: now - LOOK_BACK, until: now })) newest.set(batch.source, batch);
  return [...newest.values()];
}
