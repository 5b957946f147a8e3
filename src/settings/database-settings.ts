import { section } from './setting';
import { addressOf, whole } from './setting-kinds';

export const databaseSettings = section('Database', {
  DATABASE_URL: {
    schema: addressOf(/^postgres(ql)?:$/),
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
  DATABASE_CONNECT_TIMEOUT_MS: {
    schema: whole(5_000, 100, 120_000),
    meaning: 'How long opening a connection may take; then the work is tried again later.',
    unit: 'ms',
    expected: 'a whole number from 100 to 120000',
  },
  DATABASE_STATEMENT_TIMEOUT_MS: {
    schema: whole(30_000, 100, 600_000),
    meaning: 'How long one statement may take; then its connection is dropped and the work is tried again later.',
    unit: 'ms',
    expected: 'a whole number from 100 to 600000',
    danger: 'Shorter than your slowest batch, it repeats that batch for ever.',
  },
});
