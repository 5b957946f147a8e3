import { defineEntity } from '../../../src/entities/define-entity';
import { postgresStore, type SqlPool } from '../../../src/entities/postgres';

export interface Written {
  readonly by: string;
  readonly n: number;
}

export const faultEntities = ({ pool }: { readonly pool: SqlPool }) => [
  defineEntity<Written>({ name: 'fault:row', ttlSeconds: 30, store: postgresStore<Written>({ pool }) }),
];
