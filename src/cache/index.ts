export { createCache } from './cache';
export { jsonSerializer, type Serializer } from './codec';
export { type CacheDependencies, type CacheOptions, type CacheSettings, cacheOptions } from './context';
export * from './errors';
export {
  createFence,
  type Fence,
  type FenceOptions,
  type PublishOptions,
  type SettleOptions,
  type StoredVersion,
} from './fence';
export type * from './ports';
export { createReclaimer, type Reclaimed, type Reclaimer, type ReclaimerOptions } from './reclaim';
export type * from './types';
