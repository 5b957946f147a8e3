import { MINUTE } from '../../clock';
import { StewardError } from '../../errors';
import { type KeyVault, openKeyVault } from '../../key-vault';
import type { CredentialSource } from './credential-refresher';

/** A secret can't be read, or does not exist. The message holds its name, never its value. */
export class SecretError extends StewardError {
  readonly code = 'E_SECRET';
}

/** Where secrets are kept. */
export interface SecretStore {
  /** The newest value; rejects with `E_SECRET` if there is none. */
  getSecret(name: string): Promise<string>;
}

/** What a connection with an access key needs. */
export type RedisConfig = { readonly host: string; readonly port: number; readonly password: string };

export interface Secrets extends SecretStore {
  getRedisConfig(): Promise<RedisConfig>;
}

export function createSecrets(options: {
  readonly store: SecretStore;
  readonly host: string;
  readonly port: number;
  /** Name of the secret that holds the access key. */
  readonly keySecret: string;
}): Secrets {
  const { store, host, port, keySecret } = options;
  return {
    getSecret: (name) => store.getSecret(name),
    getRedisConfig: async () => ({ host, port, password: await store.getSecret(keySecret) }),
  };
}

/** Azure Key Vault. Loads the SDK at first use. */
export function keyVaultSecrets(vault: KeyVault): SecretStore {
  const { vaultUrl } = vault;
  let client: ReturnType<typeof openKeyVault> | undefined;
  return {
    async getSecret(name) {
      client ??= openKeyVault(vault);
      const connected = await client;
      try {
        const { value } = await connected.getSecret(name);
        if (value) return value;
      } catch (error) {
        throw new SecretError(`the secret ${JSON.stringify(name)} can't be read from ${vaultUrl}`, { cause: error });
      }
      throw new SecretError(`the secret ${JSON.stringify(name)} in ${vaultUrl} is empty`);
    },
  };
}

/** The vault is read this often, so a new key is in use this much later at the latest. */
const REREAD_MS = 10 * MINUTE;

/**
 * Signs in with an access key: the first of `names`, or the next one if the server has refused that key. So the primary
 * key can be regenerated while the secondary is in use, and the other way round.
 */
export function keyCredentials(options: {
  readonly store: SecretStore;
  readonly names: readonly string[];
  readonly username?: string | undefined;
  readonly rereadMs?: number;
  readonly random?: () => number;
}): CredentialSource {
  const { store, names, username, rereadMs = REREAD_MS, random = Math.random } = options;
  /** By secret: the value that the server has refused. The secret is skipped until it holds another. */
  const refusedValues = new Map<string, string>();
  return {
    async read(refused) {
      let last: unknown;
      for (const name of names) {
        try {
          const password = await store.getSecret(name);
          if (password === refused) refusedValues.set(name, password);
          if (password === refusedValues.get(name)) continue;
          return { username, password, renewAt: Date.now() + rereadMs * (0.9 + random() * 0.1) };
        } catch (error) {
          last = error;
        }
      }
      refusedValues.clear(); // every key was refused: the next read starts from the first
      throw last ?? new SecretError(`Redis refuses the access keys in ${names.join(' and ')}`);
    },
  };
}
