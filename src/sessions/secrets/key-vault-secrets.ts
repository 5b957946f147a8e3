import type { TokenCredential } from '@azure/identity';
import type { SecretClient, SecretClientOptions } from '@azure/keyvault-secrets';
import { openKeyVault } from '../../key-vault';
import type { SecretVault, SessionSecret } from './session-secrets';

export interface KeyVaultOptions {
  /** `https://<name>.vault.azure.net` */
  readonly vaultUrl: string;
  /** (Default: `session-secret`) */
  readonly name?: string;
  /** The most versions that are read. (Default: 3) */
  readonly kept?: number;
  /** Client id of a user-assigned identity. (Default: the identity that DefaultAzureCredential finds) */
  readonly clientId?: string | undefined;
  /** A credential to use instead of that identity. */
  readonly credential?: TokenCredential;
  /** Passed to the SDK: retries, proxies, other clouds. */
  readonly client?: SecretClientOptions;
}

/** The secret in Azure Key Vault; each rotation adds a version. It connects at the first use. */
export function createKeyVaultSecrets(options: KeyVaultOptions): SecretVault {
  const { vaultUrl, name = 'session-secret', kept = 3, clientId, credential, client: clientOptions } = options;
  let made: Promise<SecretClient> | undefined;
  const connect = () => {
    made ??= openKeyVault({ vaultUrl, clientId, credential, clientOptions });
    return made;
  };

  async function versions(): Promise<{ version: string; createdAt: Date }[]> {
    const client = await connect();
    const found: { version: string; createdAt: Date }[] = [];
    try {
      for await (const each of client.listPropertiesOfSecretVersions(name)) {
        const expired = each.expiresOn !== undefined && each.expiresOn.getTime() <= Date.now();
        if (each.version === undefined || each.enabled === false || expired) continue;
        found.push({ version: each.version, createdAt: each.createdOn ?? new Date(0) });
      }
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    }
    return found.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  return {
    read: async () => {
      const client = await connect();
      const newest = (await versions()).slice(0, kept);
      return Promise.all(
        newest.map(async ({ version, createdAt }): Promise<SessionSecret> => {
          const { value = '' } = await client.getSecret(name, { version });
          return { value, createdAt };
        }),
      );
    },
    add: async (value) => {
      const client = await connect();
      await client.setSecret(name, value, { contentType: 'session cookie signing secret' });
    },
    retire: async (keep) => {
      const client = await connect();
      const old = (await versions()).slice(keep);
      for (const { version } of old) await client.updateSecretProperties(name, version, { enabled: false });
      return old.length;
    },
  };
}
