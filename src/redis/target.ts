import { isIP } from 'node:net';
import type { Settings } from '../settings';
import { RedisModeError } from './errors';

/** The settings that connecting needs. */
export type RedisSettings = Pick<Settings, Extract<keyof Settings, `REDIS_${string}`>>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how it is spoken to, read from the settings once. */
export interface Target {
  readonly mode: 'standalone' | 'cluster';
  /** The server itself, or the nodes a cluster is discovered from. At least one. */
  readonly seeds: readonly [Address, ...Address[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Name the certificate must carry; undefined without TLS. */
  readonly tls: { readonly servername: string | undefined } | undefined;
}

export function toTarget(settings: RedisSettings): Target {
  const url = settings.REDIS_URL === undefined ? undefined : parseUrl(settings.REDIS_URL);
  const nodes = settings.REDIS_NODES.map(parseAddress);
  const [first, ...rest] = nodes.length > 0 ? nodes : url ? [url.address] : [];
  if (first === undefined) {
    throw new RedisModeError(
      'No Redis to connect to: set REDIS_URL to redis://host:port, or REDIS_NODES for a cluster',
    );
  }
  const mode = settings.REDIS_MODE === 'auto' ? (nodes.length > 0 ? 'cluster' : 'standalone') : settings.REDIS_MODE;
  if (mode === 'standalone' && nodes.length > 0) {
    throw new RedisModeError('REDIS_NODES names the nodes of a cluster, but REDIS_MODE is standalone: use REDIS_URL');
  }
  const named = [url?.address.host, first.host].find((host) => host !== undefined && isIP(host) === 0);
  return {
    mode,
    seeds: [first, ...rest],
    username: url?.username,
    password: url?.password,
    tls: url?.tls ? { servername: named } : undefined,
  };
}

function parseUrl(text: string) {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RedisModeError(
      'REDIS_URL: expected redis://[user:password@]host:port, got something that is no URL (masked)',
    );
  }
  if (!['', '/', '/0'].includes(url.pathname)) {
    throw new RedisModeError(
      'REDIS_URL: expected no database in it: REDIS_SESSIONS_DB, REDIS_CACHE_DB and REDIS_WORK_DB name the databases',
    );
  }
  return {
    address: { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 6379 : Number(url.port) },
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    tls: url.protocol === 'rediss:',
  };
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RedisModeError(`REDIS_NODES: expected host:port, got ${JSON.stringify(text)}`);
  }
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}
