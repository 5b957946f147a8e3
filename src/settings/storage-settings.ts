import { section } from './setting';
import { connectionString, queueName, text, textOr, webAddress } from './setting-kinds';

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
    meaning: 'Blob endpoint for managed identity, where it cannot be made from the account’s name.',
    expected: 'an http or https URL',
  },
  AzureWebJobsStorage__queueServiceUri: {
    schema: webAddress(),
    meaning: 'Queue endpoint for managed identity, where it cannot be made from the account’s name.',
    expected: 'an http or https URL',
  },
  AzureWebJobsStorage__tableServiceUri: {
    schema: webAddress(),
    meaning: 'Table endpoint for managed identity, where it cannot be made from the account’s name.',
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
    meaning: 'Queue of slices of hygiene passes.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
  ALERT_QUEUE: {
    schema: queueName('alert-notifications'),
    meaning: 'Queue of alert groups that have something to tell.',
    expected: '3 to 56 lower-case letters, digits and single hyphens',
  },
});
