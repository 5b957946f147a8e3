export { type LazyPool, lazyPool, type SqlPool } from './pool';
export { type PostgresStoreOptions, postgresStore } from './postgres-store';
