/** What a web app imports. */
export * from './cache';
export { type Client, type ClientOptions, createClient, type EntitiesSource } from './client';
export { createEntities, type EntityPorts } from './entities';
export {
  defineEntity,
  type Entity,
  type EntityCacheOptions,
  EntityError,
  type EntityLoaders,
  type LoadContext,
  type ReadEntity,
  type RefreshAheadOptions,
  type StoredEntity,
} from './entities/define-entity';
export type { EntityStore, SaveOutcome, StoredRow, WriteRow } from './entities/entity-store';
export { buildKey, entityOf, KeyError, type KeyParts, parseKey } from './entities/key';
export { lazyPool, type PostgresStoreOptions, postgresStore, type SqlPool } from './entities/postgres';
export { type Entities, entityRegistry } from './entities/registry';
export {
  type ConformanceCase,
  entityStoreConformance,
  type StoreConformanceOptions,
} from './entities/store-conformance';
export { PermanentStoreError, TransientStoreError } from './entities/store-errors';
export { NO_VERSION, toVersion, type Version, VersionError, versionMs } from './entities/version';
export { coerceError, errorCode, StewardError } from './errors';
export { jsonLogger, type LogFields, type Logger, silentLogger } from './logger';
export { PackageMissingError } from './optional-packages';
export {
  type CredentialSource,
  type Credentials,
  createRedis,
  DeadlineError,
  type RedisHandle,
  type RedisOptions,
  RedisUnavailableError,
} from './redis';
export * from './sessions';
export { readSettings, type Settings, SettingsError } from './settings';
export { type StorageClients, StorageSettingsError, storageClients } from './storage/clients';
export {
  type DeadLetter,
  type DeadLetterSummary,
  type DeadLetters,
  type FlushAllOptions,
  type FlushAllReport,
  type FlushKeyOptions,
  FlushTimeoutError,
  type JournalBacklog,
  type JournalConsumer,
  type ReceivedMessage,
  type WriteBehindEnd,
  WriteRefusedError,
  WriteUnknownError,
} from './write-behind';
