import { section } from './setting';
import { list, oneOf, whole } from './setting-kinds';

export const cacheSettings = section('Cache', {
  CACHE_PREFIXES: {
    schema: list(),
    meaning:
      'Beginnings of keys that can be invalidated at once by `invalidatePrefix`, besides the registered entities, separated by commas.',
    expected: 'beginnings of keys without glob characters, separated by commas',
    danger: 'Must be the same in every process: one that does not know a prefix serves what was invalidated by it.',
  },
  CACHE_EPOCH_CACHE_MS: {
    schema: whole(1_000, 0, 60_000),
    meaning: 'How long a process may still serve what a tag or prefix invalidation elsewhere has killed.',
    unit: 'ms',
    expected: 'a whole number from 0 to 60000',
    danger: '0 reads the epochs with every hit.',
  },
  CACHE_SKEW_MARGIN_MS: {
    schema: whole(1_000, 0, 60_000),
    meaning: 'How far the clocks of two masters of a cluster may be apart.',
    unit: 'ms',
    expected: 'a whole number from 0 to 60000',
    danger: 'Smaller than the real skew, an invalidation may miss entries of a master whose clock is ahead.',
  },
  CACHE_MAX_VALUE_BYTES: {
    schema: whole(1_048_576, 1, 268_435_456),
    meaning: 'Longest value that is cached, serialized.',
    unit: 'bytes',
    expected: 'a whole number from 1 to 268435456',
  },
  CACHE_LOCAL_BYTES: {
    schema: whole(0, 0),
    meaning: 'Bytes of entries that a process keeps copies of; 0 turns the local layer off.',
    unit: 'bytes',
    expected: 'a whole number from 0',
    danger: 'With it on, values are shared by callers and frozen.',
  },
  CACHE_LOCAL_BOUND_MS: {
    schema: whole(5_000, 1, 3_600_000),
    meaning: 'How long a local copy is believed: what a missed message costs in staleness.',
    unit: 'ms',
    expected: 'a whole number from 1 to 3600000',
  },
  CACHE_WHEN_REDIS_IS_AWAY: {
    schema: oneOf(['load', 'stale', 'local', 'fail'], 'load'),
    meaning:
      'What a read may use that Redis did not answer: live local copies (`local`), those within their grace too (`stale`), live ones and then the source (`load`), or nothing (`fail`).',
    expected: 'one of load, stale, local, fail',
    danger: '`load` sends every read without a local copy to the source; `stale` and `local` need CACHE_LOCAL_BYTES.',
  },
});
