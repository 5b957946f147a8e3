import { text, whole } from './kinds';
import { section } from './setting';

export const databaseSettings = section('Database', {
  DATABASE_URL: {
    schema: text(),
    meaning:
      'PostgreSQL that the sample entities load from and write-behind saves to: `postgres://user:password@host:port/db`.',
    expected: 'a postgres:// URL',
    secret: true,
  },
  DATABASE_POOL_SIZE: {
    schema: whole(2, 1, 100),
    meaning: 'Connections a process holds.',
    expected: 'a whole number from 1 to 100',
    danger: 'Multiply by the instances of every function: a small PostgreSQL allows about 50.',
  },
});
