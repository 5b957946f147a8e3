import { defineEntity } from '../../../src/entities/define-entity';
import { postgresStore, type SqlPool } from '../../../src/entities/postgres';

/** What tells one written value from all others. */
export interface Mark {
  /** The life of a web process that wrote it. */
  readonly by: string;
  readonly n: number;
  /** Characters of filling. What no message holds travels in a blob. */
  readonly size: number;
  /** The database can never take it. */
  readonly bad: boolean;
}

export interface Written extends Mark {
  readonly fill: string;
}

export const writtenOf = (mark: Mark): Written => ({ ...mark, fill: fillOf(mark) });

/** `jsonb` refuses U+0000. */
export const fillOf = ({ by, n, size, bad }: Mark): string =>
  bad ? '\u0000' : `${by} ${n} `.repeat(Math.ceil(size / 4)).slice(0, size);

/** Its entries outlive a run: what is wrong in the cache is still there at the end. */
export const faultEntities = ({ pool }: { readonly pool: SqlPool }) => [
  defineEntity<Written>({ name: 'fault:row', ttlSeconds: 36_000, store: postgresStore<Written>({ pool }) }),
];
