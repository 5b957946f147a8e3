import {
  addressOf,
  connectionString,
  measured,
  queueName,
  section,
  text,
  textLikeOr,
  webAddress,
  whole,
} from '../setting';

export const storageSettings = section('Storage', {
  AzureWebJobsStorage: {
    schema: connectionString(),
    meaning: 'Connection string of the storage account that holds queues, tables and blobs. Locally: Azurite.',
    danger: 'Hides the identity form below when both are set.',
    secret: true,
    sample: 'UseDevelopmentStorage=true',
  },
  AzureWebJobsStorage__accountName: {
    schema: text('a storage account name'),
    meaning: 'Name of the storage account, reached by managed identity. On Azure instead of a connection string.',
  },
  AzureWebJobsStorage__blobServiceUri: {
    schema: webAddress(),
    meaning: 'Blob endpoint for managed identity, if it does not follow from the account’s name.',
  },
  AzureWebJobsStorage__queueServiceUri: {
    schema: webAddress(),
    meaning: 'Queue endpoint for managed identity, if it does not follow from the account’s name.',
  },
  AzureWebJobsStorage__tableServiceUri: {
    schema: webAddress(),
    meaning: 'Table endpoint for managed identity, if it does not follow from the account’s name.',
  },
  AzureWebJobsStorage__clientId: {
    schema: text('a GUID'),
    meaning: 'Client id of the user-assigned identity that storage, Redis and Key Vault are reached with.',
  },
  STORAGE_NAME_PREFIX: {
    schema: textLikeOr(
      'steward',
      /^[a-z][a-z0-9]{2,19}$/,
      '3 to 20 lower-case letters and digits, beginning with a letter',
    ),
    meaning: 'Begins the names of the tables and blob containers this app makes.',
  },
  WRITE_BEHIND_QUEUE: { schema: queueName('write-behind'), meaning: 'Queue that is the journal of write-behind.' },
  REFRESH_AHEAD_QUEUE: { schema: queueName('refresh-ahead'), meaning: 'Queue of entries to refresh.' },
  SWEEP_QUEUE: { schema: queueName('sweep'), meaning: 'Queue of the work items of sweeps.' },
  ALERT_QUEUE: {
    schema: queueName('alert-notifications'),
    meaning: 'Queue of alert groups with pending notifications.',
  },
});

export const databaseSettings = section('Database', {
  DATABASE_URL: {
    schema: addressOf('a postgres:// URL', /^postgres(ql)?:$/),
    meaning:
      'PostgreSQL that the sample entities load from and write-behind saves to: `postgres://user:password@host:port/db`.',
    secret: true,
  },
  DATABASE_POOL_SIZE: {
    schema: whole(2, 1, 100),
    meaning: 'Connections a process holds.',
    danger: 'Multiply by the instances of every function: a small PostgreSQL allows about 50.',
  },
  DATABASE_CONNECT_TIMEOUT_MS: {
    schema: measured('ms', whole(5_000, 100, 120_000)),
    meaning: 'How long opening a connection may take; then the work is tried again later.',
  },
  DATABASE_STATEMENT_TIMEOUT_MS: {
    schema: measured('ms', whole(30_000, 100, 600_000)),
    meaning: 'How long one statement may take; then its connection is dropped and the work is tried again later.',
    danger: 'Shorter than your slowest batch, it repeats that batch for ever.',
  },
});
