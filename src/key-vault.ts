import type { TokenCredential } from '@azure/identity';
import type { SecretClient, SecretClientOptions } from '@azure/keyvault-secrets';
import { azureCredential } from './azure-credential';
import { missing } from './optional-packages';

/** A vault, and the identity that reads it: a credential of one's own, or that of `clientId`. */
export interface KeyVault {
  readonly vaultUrl: string;
  readonly clientId?: string | undefined;
  readonly credential?: TokenCredential | undefined;
  readonly clientOptions?: SecretClientOptions | undefined;
}

/** A client of a vault's secrets. */
export async function openKeyVault({ vaultUrl, clientId, credential, clientOptions }: KeyVault): Promise<SecretClient> {
  const { SecretClient: Client } = await import('@azure/keyvault-secrets').catch(
    missing('@azure/keyvault-secrets@4', 'Secrets of a key vault'),
  );
  return new Client(vaultUrl, credential ?? (await azureCredential(clientId)), clientOptions);
}
