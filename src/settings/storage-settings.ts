import { addressOf, connectionString, queueName, section, text, textOr, webAddress, whole } from './setting';

export const storageSettings = section('Storage', {
  AzureWebJobsStorage: {
    schema: connectionString(),
    meaning: 'Connection string of the storage account that holds queues, tables and blobs. Locally: Azurite.',
    expected: 'a storage connection string, or UseDevelopmentStorage=true',
    danger: 'Hides the identity form below when both are set.',
    secret: true,
    sample: 'UseDevelopmentStorage=true',
  },
  AzureWebJobsStorage__accountName: {
    schema: text(),
    meaning: 'Name of the storage account, reached by managed identity. On Azure instead of a connection string.',
    expected: 'a storage account name',
  },
  AzureWebJobsStorage__blobServiceUri: {
    schema: webAddress(),
    meaning: 'Blob endpoint for managed identity, if it does not follow from the account’s name.',
    expected: 'an http or https URL',
  },
  AzureWebJobsStorage__queueServiceUri: {
    schema: webAddress(),
    meaning: 'Queue endpoint for managed identity, if it does not follow from the account’s name.',
    expected: 'an http or https URL',
  },
  AzureWebJobsStorage__tableServiceUri: {
    schema: webAddress(),
    meaning: 'Table endpoint for managed identity, if it does not follow from the account’s name.',
    expected: 'an http or https URL',
  },
  AzureWebJobsStorage__clientId: {
    schema: text(),
    meaning: 'Client id of the user-assigned identity that storage, Redis and Key Vault are reached with.',
    expected: 'a GUID',
  },
  STORAGE_NAME_PREFIX: {
    schema: textOr('steward'),
    meaning: 'Begins the names of the tables and blob containers this app makes.',
    expected: '3 to 20 lower-case letters and digits, beginning with a letter',
  },
  WRITE_BEHIND_QUEUE: {
    schema: queueName('write-behind'),
    meaning: 'Queue that is the journal of write-behind.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
  REFRESH_AHEAD_QUEUE: {
    schema: queueName('refresh-ahead'),
    meaning: 'Queue of entries to refresh.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
  SWEEP_QUEUE: {
    schema: queueName('sweep'),
    meaning: 'Queue of the work items of sweeps.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
  ALERT_QUEUE: {
    schema: queueName('alert-notifications'),
    meaning: 'Queue of alert groups with pending notifications.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
});

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
