import { DAY } from '../../clock';
import { keyVaultSecrets } from '../../redis/auth/secrets';
import { createKeyVaultSecrets, type KeyVaultOptions } from '../../sessions/secrets/key-vault-secrets';
import type { Settings } from '../../settings';
import { type Finding, fault, ok, skipped, warning } from '../finding';
import { firstLine, limited, packageFault } from './limited';

/** How to speak to Key Vault; tests sign in to a double. */
export type VaultAccess = Pick<KeyVaultOptions, 'credential' | 'client'>;

/** The secrets that are read from the vault: that of cookies, and the access key if Redis is signed in to with one. */
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
      return (
        packageFault(error) ?? fault(check, `${secret} can't be read from ${vaultUrl}: ${firstLine(cause)}`, advice)
      );
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
