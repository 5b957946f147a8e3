export { createCache } from './cache';
export { jsonSerializer, type Serializer } from './entry/codec';
export * from './errors';
export { createReclaimer, type Reclaimed, type Reclaimer, type ReclaimerOptions } from './invalidate/reclaim-entries';
export { type CacheDependencies, type CacheOptions, type CacheSettings, cacheOptions } from './options';
export type * from './ports';
export type * from './types';
export {
  createFence,
  type Fence,
  type FenceOptions,
  type PublishOptions,
  type SettleOptions,
  type StoredVersion,
} from './write/fence';
