import { list, measured, oneOf, section, whole } from '../setting';

export const cacheSettings = section('Cache', {
  CACHE_PREFIXES: {
    schema: list('beginnings of keys without glob characters'),
    meaning:
      'Beginnings of keys that can be invalidated at once by `invalidatePrefix`, besides the registered entities, separated by commas.',
    danger:
      'Must be the same in every process: a process that does not know a prefix keeps serving entries invalidated by it.',
  },
  CACHE_EPOCH_CACHE_MS: {
    schema: measured('ms', whole(1_000, 0, 60_000)),
    meaning: 'How long a process may still serve entries that another process has invalidated by tag or prefix.',
    danger: '0 reads the tag generations with every hit.',
  },
  CACHE_SKEW_MARGIN_MS: {
    schema: measured('ms', whole(1_000, 0, 60_000)),
    meaning: 'How far the clocks of two masters of a cluster may be apart.',
    danger: 'Smaller than the real skew, an invalidation may miss entries of a master whose clock is ahead.',
  },
  CACHE_MAX_VALUE_BYTES: {
    schema: measured('bytes', whole(1_048_576, 1, 268_435_456)),
    meaning: 'Longest value that is cached, serialized.',
  },
  CACHE_LOCAL_BYTES: {
    schema: measured('bytes', whole(0, 0)),
    meaning: 'Bytes of entries that a process keeps copies of; 0 turns the local layer off.',
    danger: 'With it on, values are shared by callers and frozen.',
  },
  CACHE_LOCAL_BOUND_MS: {
    schema: measured('ms', whole(5_000, 1, 3_600_000)),
    meaning: 'Longest life of a local copy: how stale it gets if a message is missed.',
  },
  CACHE_WHEN_REDIS_IS_AWAY: {
    schema: oneOf(['load', 'stale', 'local', 'fail'], 'load'),
    meaning:
      'What a read uses while Redis is unavailable: live local copies (`local`), also those within their grace (`stale`), live ones and then the source (`load`), or nothing (`fail`).',
    danger: '`load` sends every read without a local copy to the source; `stale` and `local` need CACHE_LOCAL_BYTES.',
  },
});

export const refreshAheadSettings = section('Refresh-ahead', {
  REFRESH_BUDGET_PER_MINUTE: {
    schema: measured('refreshes/min', whole(3_000, 1, 1_000_000)),
    meaning:
      'Refreshes that the planner claims per minute, for all entities together. Beyond that the coldest wait or expire.',
    danger: 'This is load on your sources.',
  },
  REFRESH_MAX_KEYS: {
    schema: measured('keys', whole(10_000, 1, 1_000_000)),
    meaning: 'Keys that may wait for a refresh at once; the coldest beyond it are forgotten and simply expire.',
  },
  REFRESH_QUEUE_LATENCY_SECONDS: {
    schema: measured('s', whole(90, 1, 3_600)),
    meaning:
      'How long a refresh through the planner and its queue usually takes. An entry with less remaining life is refreshed in the process that read it.',
  },
  REFRESH_VISIBILITY_SECONDS: {
    schema: measured('s', whole(180, 10, 3_600)),
    meaning: 'A claimed refresh that was not reported done within this is claimed again.',
  },
  REFRESH_DEMAND_FLUSH_MS: {
    schema: measured('ms', whole(1_000, 50, 60_000)),
    meaning: 'How often a process reports to Redis which keys it read past their refresh point, and how often.',
  },
});
