import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { QueueClient } from '@azure/storage-queue';
import { azureCredential } from '../azure-credential';
import { StewardError } from '../errors';
import { missing } from '../optional-packages';
import type { Settings } from '../settings';

/** The storage account is not named in the settings. */
export class StorageSettingsError extends StewardError {
  readonly code = 'E_STORAGE_SETTINGS';
  constructor() {
    super('The settings name no storage account: set AzureWebJobsStorage or AzureWebJobsStorage__accountName');
  }
}

/**
 * Clients of the storage account, made at first use and kept. The SDKs are imported only then: a job that needs no
 * table does not pay for loading the table SDK. Missing queues, tables and containers are created, once a process.
 */
export interface StorageClients {
  /** `once`: the SDK never repeats a request, for callers that must know whether a failed one may have been carried out. */
  queue(name: string, sending?: 'repeated' | 'once'): Promise<QueueClient>;
  /** `name` without the prefix: letters and digits. */
  table(name: string): Promise<TableClient>;
  /** `name` without the prefix: lower-case letters, digits and hyphens. */
  container(name: string): Promise<ContainerClient>;
}

type StorageSettings = Pick<Settings, Extract<keyof Settings, `AzureWebJobsStorage${string}`> | 'STORAGE_NAME_PREFIX'>;

const DEVELOPMENT =
  'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;' +
  'AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;' +
  'BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;' +
  'TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;';

/** Whether the settings name a storage account. */
export const namesStorage = (settings: StorageSettings): boolean =>
  [
    settings.AzureWebJobsStorage,
    settings.AzureWebJobsStorage__accountName,
    settings.AzureWebJobsStorage__queueServiceUri,
  ].some((given) => given !== undefined);

export function storageClients(settings: StorageSettings): StorageClients {
  const given = settings.AzureWebJobsStorage;
  const connection = given === 'UseDevelopmentStorage=true' ? DEVELOPMENT : given;
  const prefix = settings.STORAGE_NAME_PREFIX;

  const identity = () => azureCredential(settings.AzureWebJobsStorage__clientId);
  const endpoint = (service: 'blob' | 'queue' | 'table'): string => {
    const uri = settings[`AzureWebJobsStorage__${service}ServiceUri`];
    if (uri) return uri.replace(/\/$/, '');
    const account = settings.AzureWebJobsStorage__accountName;
    if (account) return `https://${account}.${service}.core.windows.net`;
    throw new StorageSettingsError();
  };

  return {
    queue: keep(async (name, sending) => {
      const { QueueServiceClient } = await import('@azure/storage-queue').catch(
        missing('@azure/storage-queue@12', 'Storage queues'),
      );
      const options = sending === 'once' ? { retryOptions: { maxTries: 1 } } : {};
      const service = connection
        ? QueueServiceClient.fromConnectionString(connection, options)
        : new QueueServiceClient(endpoint('queue'), await identity(), options);
      const client = service.getQueueClient(name);
      await unlessForbidden(client.createIfNotExists());
      return client;
    }),
    table: keep(async (name) => {
      const { TableClient } = await import('@azure/data-tables').catch(
        missing('@azure/data-tables@13', 'Storage tables'),
      );
      const full = `${prefix}${name}`;
      const client = connection
        ? TableClient.fromConnectionString(connection, full, { allowInsecureConnection: connection.includes('=http:') })
        : new TableClient(endpoint('table'), full, await identity());
      await unlessForbidden(client.createTable());
      return client;
    }),
    container: keep(async (name) => {
      const { BlobServiceClient } = await import('@azure/storage-blob').catch(
        missing('@azure/storage-blob@12', 'Blobs'),
      );
      const service = connection
        ? BlobServiceClient.fromConnectionString(connection)
        : new BlobServiceClient(endpoint('blob'), await identity());
      const client = service.getContainerClient(`${prefix}-${name}`);
      await unlessForbidden(client.createIfNotExists());
      return client;
    }),
  };
}

/**
 * Ignores that creating is forbidden. A web app may only send to its queue, which the deployment has created; if it is
 * missing after all, the first use fails.
 */
const unlessForbidden = (creating: Promise<unknown>) => unlessStatus(403, creating);

/** Undefined if the service answers with this status. */
export async function unlessStatus<T>(status: number, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error: unknown) {
    if ((error as { statusCode?: unknown }).statusCode === status) return undefined;
    throw error;
  }
}

/** One client a name (and way of sending). After a failure to make it, the next call tries again. */
function keep<T, S extends string>(make: (name: string, sending?: S) => Promise<T>) {
  const made = new Map<string, Promise<T>>();
  return (name: string, sending?: S) => {
    const id = `${name} ${sending ?? ''}`;
    const known = made.get(id);
    if (known) return known;
    const fresh = make(name, sending).catch((error: unknown) => {
      made.delete(id);
      throw error;
    });
    made.set(id, fresh);
    return fresh;
  };
}
