import { encodeKey, physicalOf } from '../../entities/key';
import type { ReadBatcher } from '../../redis/reads/read-batcher';
import { classify } from '../entry/entry-format';

/** The text of a key's entry, valid or not; undefined if there is none of ours. Rejects if Redis is unavailable. */
export function readRaw(batcher: ReadBatcher, key: string): Promise<string | undefined> {
  const hashTag = encodeKey(key);
  return new Promise((resolve, reject) => {
    batcher.add({
      key,
      physical: physicalOf(hashTag),
      hashTag,
      sentAt: 0,
      settled: false,
      answered: (raw) => resolve(raw !== null && classify(raw) === 'ours' ? raw : undefined),
      holdsNoString: () => resolve(undefined),
      failed: reject,
    });
  });
}
