import { defineEntity, type StoredEntity } from '../define-entity';
import { postgresStore, type SqlPool } from '../postgres';

export type UserProfile = { readonly name: string; readonly email?: string; readonly plan?: string };

/** A sample on the default table: no mapping, and no table to create by hand. */
export const userProfile = (pool: SqlPool): StoredEntity<UserProfile> =>
  defineEntity<UserProfile>({
    name: 'user:profile',
    ttlSeconds: 600,
    graceSeconds: 60,
    negativeTtlSeconds: 30,
    refreshAhead: { fraction: 0.8 },
    store: postgresStore<UserProfile>({ pool }),
  });
