import type { Clock } from '../clock';
import { containedLogger } from '../contained';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import { CredentialRefresher, type CredentialSource } from './auth/credential-refresher';
import { azureTokens, entraCredentials } from './auth/entra';
import { keyCredentials, keyVaultSecrets } from './auth/secrets';
import { Connector } from './connection/connector';
import { type RedisSettings, toTarget } from './connection/target';
import { RedisModeError } from './errors';
import { RedisFacade } from './redis-facade';
import { steadyClock } from './server-clock';
import type { RedisHandle } from './types';

export interface RedisOptions {
  readonly settings: RedisSettings;
  readonly logger: Logger;
  /** Names the connections of this process in CLIENT LIST: `cache-steward:<role>:<store>`. */
  readonly role: string;
  /** Signs in with these instead of those that the settings name. */
  readonly credentials?: CredentialSource;
  /** Local time for deadlines. Default: one that no change of the wall clock moves. */
  readonly clock?: Clock;
}

/**
 * One process' access to Redis. Nothing connects before the first use; a lost connection is remade for as long as the
 * process lives.
 */
export function createRedis(options: RedisOptions): RedisHandle {
  makeStringsFast();
  const { settings, role, clock = steadyClock } = options;
  const logger = containedLogger(options.logger);
  const target = toTarget(settings);
  const source = options.credentials ?? credentialsOf(settings);
  const refresher = source && new CredentialRefresher(source, logger);
  const connector = new Connector({ target, settings, role, refresher });
  return new RedisFacade({ target, settings, logger, connector, clock });
}

/** Everything in the settings that keeps `createRedis` from making its handle: the server, then the sign-in. */
export const redisSettingsFaults = (settings: RedisSettings): readonly Error[] =>
  [() => toTarget(settings), () => credentialsOf(settings)].flatMap((read) => {
    try {
      read();
      return [];
    } catch (error) {
      return [coerceError(error)];
    }
  });

/**
 * ioredis has a class that extends String, and V8 keeps the prototype of a class that was just extended in a slow form
 * until it is used through an object. A string is not an object, so in a process that never makes a String object every
 * string method stays slow for good, `charCodeAt` by a factor of four. Some reads through one end that.
 */
export function makeStringsFast(): void {
  const text = new String('');
  // Enough of them for the engine to optimise what the loop reads.
  for (let n = 0; n < 1_000; n += 1) text.charCodeAt;
}

function credentialsOf(settings: RedisSettings): CredentialSource | undefined {
  const clientId = settings.AzureWebJobsStorage__clientId;
  if (settings.REDIS_AUTH === 'entra') {
    return entraCredentials({ objectId: settings.REDIS_ENTRA_USER, tokens: azureTokens(clientId) });
  }
  if (settings.REDIS_AUTH === 'url') return undefined;
  const vaultUrl = settings.KEY_VAULT_URL;
  if (vaultUrl === undefined) {
    throw new RedisModeError('KEY_VAULT_URL is not set: REDIS_AUTH=key-vault reads the access key from that vault');
  }
  const names = settings.REDIS_KEY_SECRETS.split(',').map((name) => name.trim());
  return keyCredentials({ store: keyVaultSecrets({ vaultUrl, clientId }), names });
}

export type { CredentialSource, Credentials } from './auth/credential-refresher';
export { entraCredentials, type TokenProvider } from './auth/entra';
export { createSecrets, keyCredentials, keyVaultSecrets, SecretError } from './auth/secrets';
export { type Capabilities, capabilitiesOf, parseInfo } from './capabilities';
export { type RedisSettings, redisHost } from './connection/target';
export { type Counters, createCounters, readCounters } from './counters';
export { DeadlineError, RedisModeError, RedisUnavailableError } from './errors';
export { escapeGlob, type Glob, globArguments, globLua, parseGlob } from './scripts/glob';
export { defineScript, type Script } from './scripts/script';
export type { LogicalStore, RedisHandle, RedisNode } from './types';
