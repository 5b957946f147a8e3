import type { TokenCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { coerceError } from '../../src/errors';
import { findSetting, resolveSettings } from './app-settings';
import { UnreachableError } from './storage-watch';

/** The loops of the host try again by themselves: a client that goes on for half a minute would hide that. */
const CLIENT_OPTIONS = { retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 } };

type Service = 'blob' | 'queue';

/** How a storage account is reached: by a connection string, else by an identity at an endpoint a service. */
export type Connection =
  | { readonly connectionString: string }
  | { readonly endpoints: Readonly<Partial<Record<Service, string>>>; readonly identity: Identity };

interface Identity {
  /** `__credential`: `managedidentity`, or whatever DefaultAzureCredential finds. */
  readonly managed: boolean;
  /** `__clientId` of a user-assigned identity. */
  readonly clientId: string | undefined;
}

/** What a binding's `connection` names: `AzureWebJobsX` goes before `X`, a connection string before `X__...`. */
export function resolveConnection(
  name: string | undefined,
  environment: Record<string, string | undefined>,
): Connection {
  const wanted = name ? resolveSettings(name, environment) : 'AzureWebJobsStorage';
  for (const section of [`AzureWebJobs${wanted}`, wanted]) {
    const connectionString = findSetting(section, environment);
    if (connectionString) return { connectionString };
    const part = (key: string) => findSetting(`${section}__${key}`, environment) || undefined;
    const account = part('accountName');
    const endpoint = (service: Service) =>
      part(`${service}ServiceUri`) ?? (account && `https://${account}.${service}.core.windows.net`);
    const [blob, queue] = [endpoint('blob'), endpoint('queue')];
    if (!blob && !queue) continue;
    return {
      endpoints: { ...(blob ? { blob } : {}), ...(queue ? { queue } : {}) },
      identity: { managed: part('credential')?.toLowerCase() === 'managedidentity', clientId: part('clientId') },
    };
  }
  throw new Error(
    `Storage account connection '${wanted}' does not exist: set ${wanted} to a connection string, or ${wanted}__accountName for an identity`,
  );
}

/**
 * Clients of the storage accounts that connections name, one each. The identity SDK loads at first use. A connection
 * that can't be used is logged once, however many listeners try it again and again.
 */
export class StorageAccounts {
  readonly #environment: Record<string, string | undefined>;
  readonly #queues = new Map<string, Promise<QueueServiceClient>>();
  readonly #log: (message: string) => void;
  readonly #logged = new Set<string>();

  constructor(environment: Record<string, string | undefined>, log: (message: string) => void) {
    this.#environment = environment;
    this.#log = log;
  }

  queues(connection: string | undefined): Promise<QueueServiceClient> {
    const name = connection ?? '';
    const known = this.#queues.get(name);
    if (known) return known;
    const made = this.#connect(QueueServiceClient, 'queue', connection);
    this.#queues.set(name, made);
    return made;
  }

  /** Of the app's own account, AzureWebJobsStorage. */
  blobs(): Promise<BlobServiceClient> {
    return this.#connect(BlobServiceClient, 'blob', undefined);
  }

  async #connect<T>(client: ServiceClient<T>, service: Service, name: string | undefined): Promise<T> {
    try {
      return await this.#clientOf(client, service, name);
    } catch (thrown: unknown) {
      const error = coerceError(thrown);
      const setting = name ?? 'AzureWebJobsStorage';
      const fault = error.message.includes(setting) ? error.message : `${error.message}: correct ${setting}`;
      if (!this.#logged.has(fault)) this.#log(`${fault}. Timers and queues that need it don't run`);
      this.#logged.add(fault);
      throw new UnreachableError(fault, { cause: error });
    }
  }

  async #clientOf<T>(client: ServiceClient<T>, service: Service, name: string | undefined): Promise<T> {
    const connection = resolveConnection(name, this.#environment);
    if ('connectionString' in connection)
      return client.fromConnectionString(connection.connectionString, CLIENT_OPTIONS);
    const endpoint = connection.endpoints[service];
    if (!endpoint)
      throw new Error(
        `Set ${name ?? 'AzureWebJobsStorage'}__${service}ServiceUri: the connection has no ${service} endpoint`,
      );
    return new client(endpoint.replace(/\/$/, ''), await credentialOf(connection.identity), CLIENT_OPTIONS);
  }
}

interface ServiceClient<T> {
  new (url: string, credential: TokenCredential, options: typeof CLIENT_OPTIONS): T;
  fromConnectionString(connectionString: string, options: typeof CLIENT_OPTIONS): T;
}

async function credentialOf({ managed, clientId }: Identity): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
  if (managed) return clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential();
  return new DefaultAzureCredential(clientId ? { managedIdentityClientId: clientId } : {});
}
