export { classify } from './classify-error';
export {
  type DatabaseSettings,
  DatabaseSettingsError,
  type LazyPool,
  lazyPool,
  type SqlPool,
  type SqlResult,
} from './pool';
export { type PostgresStoreOptions, postgresStore } from './postgres-store';
export { DEFAULT_TABLE, type TableColumns, type TableMapping } from './table';
