import { DAY } from '../../clock';
import { coerceError } from '../../errors';
import { keyVaultSecrets } from '../../redis/auth/secrets';
import { createKeyVaultSecrets, type KeyVaultOptions } from '../../sessions/secrets/key-vault-secrets';
import type { Settings } from '../../settings';
import type { StorageClients } from '../../storage/clients';
import { withTimeout } from '../../timeout';
import { DEAD_LETTERS_CONTAINER, DEAD_LETTERS_TABLE } from '../../write-behind/dead-letters/dead-letter-store';
import { type Finding, fault, ok, skipped, warning } from './finding';

const TIMEOUT_MS = 10_000;

/** The queues, the table and the container of dead letters, made where they are missing, as the jobs would. */
export async function checkStorage(storage: StorageClients, settings: Settings): Promise<Finding[]> {
  const queues = [
    settings.WRITE_BEHIND_QUEUE,
    settings.REFRESH_AHEAD_QUEUE,
    settings.SWEEP_QUEUE,
    settings.ALERT_QUEUE,
  ];
  const advice =
    'Check AzureWebJobsStorage, the private endpoints of queue, table and blob, and the identity’s roles on each.';
  const reach = async (check: string, name: string, touch: () => Promise<string>): Promise<Finding> => {
    try {
      return ok(check, `${name} ${await limited(touch())}`);
    } catch (error) {
      return fault(check, `${name}: ${firstLine(error)}`, advice);
    }
  };
  return Promise.all([
    ...queues.map((name) =>
      reach('storage.queue', name, async () => {
        const properties = await (await storage.queue(name)).getProperties();
        return `holds about ${properties.approximateMessagesCount ?? 0} messages`;
      }),
    ),
    reach('storage.table', DEAD_LETTERS_TABLE, async () => {
      const table = await storage.table(DEAD_LETTERS_TABLE);
      await table.listEntities().byPage({ maxPageSize: 1 }).next();
      return 'can be read';
    }),
    reach('storage.blob', DEAD_LETTERS_CONTAINER, async () => {
      const container = await storage.container(DEAD_LETTERS_CONTAINER);
      await container.listBlobsFlat().byPage({ maxPageSize: 1 }).next();
      return 'can be read';
    }),
  ]);
}

/** How to speak to Key Vault; tests sign in to a double. */
export type VaultAccess = Pick<KeyVaultOptions, 'credential' | 'client'>;

/** The secrets that are read from the vault: that of cookies, and the access keys where Redis is signed in to by one. */
export async function checkVault(settings: Settings, { credential, client }: VaultAccess): Promise<Finding[]> {
  const { KEY_VAULT_URL: vaultUrl, AzureWebJobsStorage__clientId: clientId, SESSION_SECRET_NAME: name } = settings;
  if (vaultUrl === undefined) return [skipped('vault', 'KEY_VAULT_URL is not set')];
  const advice =
    'Check KEY_VAULT_URL, the vault’s private endpoint and its DNS zone, and the identity’s role Key Vault Secrets User.';
  const readable = async (check: string, secret: string, read: () => Promise<Finding>): Promise<Finding> => {
    try {
      return await limited(read());
    } catch (error) {
      const { cause = error } = error as Error;
      return fault(check, `${secret} can't be read from ${vaultUrl}: ${firstLine(cause)}`, advice);
    }
  };
  const access = { vaultUrl, clientId, ...(credential && { credential }) };
  const cookies = createKeyVaultSecrets({
    ...access,
    ...{ name, kept: settings.SESSION_SECRETS_KEPT },
    ...(client && { client }),
  });
  const keys = keyVaultSecrets({ ...access, ...(client && { clientOptions: client }) });
  const keyNames =
    settings.REDIS_AUTH === 'key-vault' ? settings.REDIS_KEY_SECRETS.split(',').map((each) => each.trim()) : [];
  return Promise.all([
    readable('vault.session', name, async () => {
      const [newest, ...older] = await cookies.read();
      if (newest === undefined) {
        return warning('vault.session', `${name} has no version`, 'Make one: `cache-steward secrets init`.');
      }
      const days = Math.floor((Date.now() - newest.createdAt.getTime()) / DAY);
      return ok('vault.session', `${name} has ${1 + older.length} in force, the newest ${days} days old`);
    }),
    ...keyNames.map((key) =>
      readable('vault.redis', key, async () => {
        await keys.getSecret(key);
        return ok('vault.redis', `${key} can be read`);
      }),
    ),
  ]);
}

/** Whether the webhook's host can be reached from here. Nothing is posted. */
export async function checkWebhook(settings: Settings): Promise<Finding> {
  const url = settings.ALERT_WEBHOOK_URL;
  if (url === undefined) return skipped('alerts.webhook', 'ALERT_WEBHOOK_URL is not set: alerts are only logged');
  try {
    const { host } = new URL(url);
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    return ok('alerts.webhook', `${host} answers (${response.status} to HEAD; nothing was posted)`);
  } catch (error) {
    return warning(
      'alerts.webhook',
      `the webhook can't be reached: ${firstLine((error as Error).cause ?? error)}`,
      'Allow egress to its host from this network, or correct ALERT_WEBHOOK_URL.',
    );
  }
}

function limited<T>(work: Promise<T>): Promise<T> {
  return withTimeout(work, TIMEOUT_MS, () => new Error(`no answer within ${TIMEOUT_MS} ms`));
}

function firstLine(error: unknown): string {
  return coerceError(error).message.split('\n')[0] ?? '';
}
