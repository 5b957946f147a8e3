import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Settings } from '../../settings';
import { shownValue } from '../../settings/shown-value';
import { RedisModeError } from '../errors';

/** The settings that connecting needs. */
export type RedisSettings = Pick<
  Settings,
  Extract<keyof Settings, `REDIS_${string}`> | 'KEY_VAULT_URL' | 'AzureWebJobsStorage__clientId'
>;

export type Address = { readonly host: string; readonly port: number };

/** Where Redis is and how to connect to it, read from the settings once. */
export interface Target {
  readonly mode: RedisMode;
  /** The server itself, the sentinels, or the nodes that a cluster is discovered from. At least one. */
  readonly seeds: readonly [Address, ...Address[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sentinel: { readonly name: string; readonly password: string | undefined } | undefined;
  /** Undefined without TLS. */
  readonly tls: Tls | undefined;
}

export type SentinelTarget = Target & { readonly sentinel: NonNullable<Target['sentinel']> };

export type RedisMode = 'standalone' | 'sentinel' | 'cluster';

export interface Tls {
  /**
   * The name that every node's certificate must carry; left out if only addresses are known. One name for all nodes,
   * because Azure's clusters announce nodes by address while the certificate names the cache.
   */
  readonly servername?: string;
  /** Certificates of the authority, PEM. */
  readonly ca?: string;
}

export function toTarget(settings: RedisSettings): Target {
  const url = settings.REDIS_URL === undefined ? undefined : parseUrl(settings.REDIS_URL);
  const mode = settings.REDIS_MODE === 'auto' ? impliedMode(settings) : settings.REDIS_MODE;
  const seeds = seedsOf(mode, settings, url?.address);
  return {
    mode,
    seeds,
    username: url?.username,
    password: url?.password,
    sentinel:
      mode === 'sentinel'
        ? { name: settings.REDIS_SENTINEL_NAME, password: settings.REDIS_SENTINEL_PASSWORD }
        : undefined,
    tls: url?.tls ? toTls(settings, [url.address.host, seeds[0].host]) : undefined,
  };
}

/** The host in the settings, which is the cache's name whatever its nodes announce. */
export const redisHost = (settings: RedisSettings): string => toTarget(settings).seeds[0].host;

function impliedMode(settings: RedisSettings): RedisMode {
  if (settings.REDIS_SENTINELS.length > 0) return 'sentinel';
  return settings.REDIS_NODES.length > 0 ? 'cluster' : 'standalone';
}

function seedsOf(mode: RedisMode, settings: RedisSettings, url: Address | undefined): Target['seeds'] {
  if (mode !== 'cluster' && settings.REDIS_NODES.length > 0) {
    throw new RedisModeError(
      `REDIS_NODES names the nodes of a cluster, but the mode is ${mode}: unset it, or set REDIS_MODE=cluster`,
    );
  }
  if (mode !== 'sentinel' && settings.REDIS_SENTINELS.length > 0) {
    throw new RedisModeError(`REDIS_SENTINELS is set, but REDIS_MODE is ${mode}: unset it, or set REDIS_MODE=sentinel`);
  }
  const nodes = settings.REDIS_NODES.map((text) => parseAddress('REDIS_NODES', text));
  const sentinels = settings.REDIS_SENTINELS.map((text) => parseAddress('REDIS_SENTINELS', text));
  const single = url ? [url] : [];
  const seeds = { standalone: single, sentinel: sentinels, cluster: nodes.length > 0 ? nodes : single };
  const [first, ...rest] = seeds[mode];
  if (first === undefined) {
    throw new RedisModeError(
      'No Redis to connect to: set REDIS_URL to redis://host:port, REDIS_NODES for a cluster, or REDIS_SENTINELS',
    );
  }
  return [first, ...rest];
}

function toTls(settings: RedisSettings, hosts: readonly string[]): Tls {
  const servername = hosts.find((host) => isIP(host) === 0);
  const file = settings.REDIS_TLS_CA_FILE;
  return { ...(servername && { servername }), ...(file && { ca: readCa(file) }) };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RedisModeError(`REDIS_TLS_CA_FILE: the file ${shownValue(file)} can't be read`, { cause: error });
  }
}

function parseUrl(text: string) {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RedisModeError(
      'REDIS_URL: expected redis://[user:password@]host:port, got something that is not a URL (not shown)',
    );
  }
  if (!['', '/', '/0'].includes(url.pathname)) {
    throw new RedisModeError(
      'REDIS_URL names a database: remove it, and set REDIS_SESSIONS_DB, REDIS_CACHE_DB and REDIS_WORK_DB instead',
    );
  }
  return {
    address: { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 6379 : Number(url.port) },
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    tls: url.protocol === 'rediss:',
  };
}

function parseAddress(setting: string, text: string): Address {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RedisModeError(`${setting}: expected host:port, got ${shownValue(text)}`);
  }
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}
