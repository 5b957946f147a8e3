import { DAY, HOUR, MINUTE, SECOND } from '../clock';
import { containedAdd, containedLogger, ignoreRejection, isThenable } from '../contained';
import { type Logger, silentLogger } from '../logger';
import { DeadlineError, RedisUnavailableError } from '../redis/errors';
import { SessionOptionsError, SessionsUnavailableError } from './errors';
import type { SessionCounters, SessionRedis, SessionSerializer } from './ports';
import { createSessionKeys, type SessionKeys } from './record/session-keys';

/** A session's data as the application sees it. */
export type SessionValues = Readonly<Record<string, unknown>>;

export interface SessionOptions {
  /** From `createRedis`, or `fromIoredis(client)`. */
  readonly redis: SessionRedis;
  /** The prefix of every key. Glob characters in it are literal. (Default: `sess:`) */
  readonly prefix?: string;
  /**
   * How long a session may be unused, in seconds, or a function of the session. A number applies to sessions whose
   * cookie has no `maxAge`; a function always applies. 0 or less ends the session. (Default: 86400, one day)
   */
  readonly ttl?: number | ((session: SessionValues) => number);
  /**
   * The longest life of a session, in seconds, even if it is in use. Danger: with a very long one, a stolen session
   * with a rolling cookie never ends. (Default: 604800, a week)
   */
  readonly absoluteTtl?: number;
  /** Requests that change nothing do not extend the session. (Default: false) */
  readonly disableTouch?: boolean;
  /** Records get no expiry in Redis. Every load then checks the absolute lifetime. (Default: false) */
  readonly disableTTL?: boolean;
  /**
   * The shortest time between two touches of a session, in seconds. A session may end this much before its idle time.
   * 0: every request touches. (Default: a hundredth of the idle time, at most 60)
   */
  readonly touchAfter?: number;
  /** COUNT of each SCAN in `all`, `ids`, `length` and `clear`. (Default: 100) */
  readonly scanCount?: number;
  /** (Default: JSON) */
  readonly serializer?: SessionSerializer;
  /**
   * Redis keys contain hashes of the session ids, so a dump cannot be used to open a session. If false, the keys are
   * those of connect-redis. (Default: true)
   */
  readonly hashIds?: boolean;
  /** How long running requests may still use an id that was regenerated, in seconds. (Default: 10) */
  readonly aliasSeconds?: number;
  /** The largest session that is saved, in serialized bytes. (Default: 262144) */
  readonly maxBytes?: number;
  /** The most sessions of one user. Another login ends the oldest one. 0: no limit. (Default: 0) */
  readonly maxSessionsPerUser?: number;
  /** The user of a session; undefined before a login. (Default: its `userId`, or Passport's `passport.user`) */
  readonly userOf?: (session: SessionValues) => string | undefined;
  /** How long `destroy` waits for a replica, in ms, if there are replicas. (Default: 100) */
  readonly replicaWaitMs?: number;
  readonly logger?: Logger;
  readonly counters?: SessionCounters;
}

/** The options with their defaults filled in. Times are in ms. */
export interface SessionRules {
  readonly redis: SessionRedis;
  readonly keys: SessionKeys;
  readonly absoluteMs: number;
  /** How long login generations and user indexes are kept: longer than every session that uses them. */
  readonly keepMs: number;
  readonly disableTouch: boolean;
  readonly scanCount: number;
  readonly serializer: SessionSerializer;
  readonly aliasMs: number;
  readonly maxBytes: number;
  readonly maxSessionsPerUser: number;
  readonly replicaWaitMs: number;
  readonly logger: Logger;
  readonly counters: SessionCounters | undefined;
  userOf(session: SessionValues): string | undefined;
  /** 0: no expiry in Redis. Undefined: the session has ended. */
  idleMsOf(session: SessionValues): number | undefined;
  touchAfterMs(idleMs: number): number;
}

export function sessionRules(options: SessionOptions): SessionRules {
  const absoluteMs = seconds('absoluteTtl', options.absoluteTtl ?? (7 * DAY) / SECOND);
  const { ttl = DAY / SECOND, disableTTL = false, touchAfter, counters } = options;
  if (typeof ttl === 'number' && !Number.isFinite(ttl)) {
    throw new SessionOptionsError(`ttl: expected a number of seconds or a function, got ${ttl}`);
  }
  const touchMs = touchAfter === undefined ? undefined : seconds('touchAfter', touchAfter, 0);
  return {
    redis: failClosed(options.redis),
    keys: createSessionKeys(options.prefix ?? 'sess:', options.hashIds ?? true),
    absoluteMs,
    keepMs: absoluteMs + HOUR,
    disableTouch: options.disableTouch ?? false,
    scanCount: whole('scanCount', options.scanCount ?? 100, 1),
    serializer: options.serializer ?? JSON,
    aliasMs: seconds('aliasSeconds', options.aliasSeconds ?? 10, 0),
    maxBytes: whole('maxBytes', options.maxBytes ?? 262_144, 1),
    maxSessionsPerUser: whole('maxSessionsPerUser', options.maxSessionsPerUser ?? 0, 0),
    replicaWaitMs: whole('replicaWaitMs', options.replicaWaitMs ?? 100, 1),
    logger: containedLogger(options.logger ?? silentLogger),
    counters: counters && { add: containedAdd(counters) },
    userOf: (session) => plain('userOf', (options.userOf ?? userOfSession)(session)),
    idleMsOf: (session) => (disableTTL ? 0 : idleMs(session, ttl)),
    touchAfterMs: (idle) => touchMs ?? Math.min(idle / 100, MINUTE),
  };
}

/** Throws `E_SESSION_OPTIONS` if a function of the app returned a promise. */
function plain<T>(name: string, result: T): T {
  if (!isThenable(result)) return result;
  ignoreRejection(result);
  throw new SessionOptionsError(`${name}: expected a plain result, got a promise. The function must be synchronous`);
}

function idleMs(session: SessionValues, ttl: NonNullable<SessionOptions['ttl']>): number | undefined {
  const ms = typeof ttl === 'function' ? plain('ttl', ttl(session)) * SECOND : (cookieMs(session) ?? ttl * SECOND);
  return ms >= 1 ? Math.min(Math.ceil(ms), 9_999_999_999_999) : undefined;
}

/** The cookie's own lifetime. `originalMaxAge` is preferred, because it does not depend on a clock. */
function cookieMs({ cookie }: SessionValues): number | undefined {
  if (typeof cookie !== 'object' || cookie === null) return undefined;
  const { originalMaxAge, expires } = cookie as { originalMaxAge?: unknown; expires?: unknown };
  if (typeof originalMaxAge === 'number') return originalMaxAge;
  if (typeof expires !== 'string' && !(expires instanceof Date)) return undefined;
  const at = new Date(expires).getTime();
  return Number.isNaN(at) ? undefined : at - Date.now();
}

function userOfSession(session: SessionValues): string | undefined {
  const passport = session.passport as { user?: unknown } | undefined;
  const user = session.userId ?? passport?.user;
  return (typeof user === 'string' && user !== '') || typeof user === 'number' ? String(user) : undefined;
}

function seconds(name: string, value: number, min = 0.001): number {
  if (!(value >= min && value <= 9_999_999_999)) {
    throw new SessionOptionsError(`${name}: expected seconds from ${min} to 9999999999, got ${value}`);
  }
  return Math.ceil(value * SECOND);
}

function whole(name: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new SessionOptionsError(`${name}: expected a whole number from ${min} up, got ${value}`);
  }
  return value;
}

/** The same connection, with one error for everything that means "not now", so that a web app handles one error. */
const failClosed = (redis: SessionRedis): SessionRedis => ({
  client: (store) => redis.client(store),
  dedicated: (store, purpose) => redis.dedicated(store, purpose),
  serverMicros: () => redis.serverMicros(),
  run: (...args) => redis.run(...args).catch(toUnavailable),
  within: (...args) => redis.within(...args).catch(toUnavailable),
  nodes: (...args) => redis.nodes(...args).catch(toUnavailable),
});

function toUnavailable(error: unknown): never {
  if (!(error instanceof DeadlineError || error instanceof RedisUnavailableError)) throw error;
  throw new SessionsUnavailableError(`Sessions are unavailable: ${error.message}`, { cause: error });
}
