import type { PassName } from './sweep-record';

/** The pass itself: which run, over which shards, and what the last one found. */
export const passRecordName = (pass: PassName): string => `${pass}/pass.json`;

/** One shard of it; a shard's name holds colons, which a blob's name may not want. */
export const shardRecordName = (pass: PassName, shard: string): string =>
  `${pass}/shard-${encodeURIComponent(shard).replaceAll('%', '~')}.json`;

/** The findings of one day, UTC. */
export const dailyRecordName = (pass: PassName, day: Date): string => `${pass}/${day.toISOString().slice(0, 10)}.json`;
