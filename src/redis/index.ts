import type { Clock } from '../clock';
import type { Logger } from '../logger';
import { CredentialKeeper, type CredentialSource } from './auth/credential-refresher';
import { azureTokens, entraCredentials } from './auth/entra';
import { keyCredentials, keyVaultSecrets } from './auth/secrets';
import { Connector } from './connection/connector';
import { type RedisSettings, toTarget } from './connection/target';
import { RedisModeError } from './errors';
import { makeStringsFast } from './fast-strings';
import { Handle } from './redis-facade';
import { steadyClock } from './server-clock';
import type { RedisHandle } from './types';

export interface RedisOptions {
  readonly settings: RedisSettings;
  readonly logger: Logger;
  /** What this process is to Redis, shown in CLIENT LIST: `cache-steward:<role>:<store>`. */
  readonly role: string;
  /** Signs in with these instead of what the settings say. */
  readonly credentials?: CredentialSource;
  /** Local time for deadlines. Default: one that no change of the wall clock moves. */
  readonly clock?: Clock;
}

/**
 * The way to Redis for one process. Nothing connects before the first use; a lost connection is made anew for as long
 * as the process lives.
 */
export function createRedis(options: RedisOptions): RedisHandle {
  makeStringsFast();
  const { settings, logger, role, clock = steadyClock } = options;
  const target = toTarget(settings);
  const source = options.credentials ?? credentialsOf(settings);
  const keeper = source && new CredentialKeeper(source, logger);
  const connector = new Connector({ target, settings, role, keeper });
  return new Handle({ target, settings, logger, connector, clock });
}

function credentialsOf(settings: RedisSettings): CredentialSource | undefined {
  const clientId = settings.AzureWebJobsStorage__clientId;
  if (settings.REDIS_AUTH === 'entra') {
    return entraCredentials({ objectId: settings.REDIS_ENTRA_USER, tokens: azureTokens(clientId) });
  }
  if (settings.REDIS_AUTH === 'url') return undefined;
  const vaultUrl = settings.KEY_VAULT_URL;
  if (vaultUrl === undefined)
    throw new RedisModeError('KEY_VAULT_URL: expected the vault that REDIS_AUTH=key-vault reads');
  const names = settings.REDIS_KEY_SECRETS.split(',').map((name) => name.trim());
  return keyCredentials({ store: keyVaultSecrets({ vaultUrl, clientId }), names });
}

export type { CredentialSource, Credentials } from './auth/credential-refresher';
export { entraCredentials, type TokenProvider } from './auth/entra';
export {
  createSecrets,
  keyCredentials,
  keyVaultSecrets,
  type RedisConfig,
  SecretError,
  type SecretStore,
  type Secrets,
} from './auth/secrets';
export { type Capabilities, capabilitiesOf, parseInfo } from './capabilities';
export { type RedisSettings, redisHost } from './connection/target';
export { type Counters, createCounters, readCounters } from './counters';
export { DeadlineError, RedisModeError, RedisUnavailableError } from './errors';
export { escapeGlob, type Glob, globArguments, globLua, parseGlob } from './glob';
export { defineScript, type Script } from './scripts/script';
export type {
  LogicalStore,
  RedisClient,
  RedisHandle,
  RedisNode,
  RunOptions,
  ScriptOptions,
} from './types';
