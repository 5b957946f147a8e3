import { DAY, HOUR, MINUTE, SECOND } from '../clock';
import { type Logger, silentLogger } from '../logger';
import { SessionOptionsError } from './errors';
import type { SessionCounters, SessionRedis, SessionSerializer } from './ports';
import { createSessionKeys, type SessionKeys } from './record/session-keys';
import { closedWhenAway } from './revocation/fail-closed';

/** A session's data as the application sees it. */
export type SessionValues = Readonly<Record<string, unknown>>;

export interface SessionOptions {
  /** From `createRedis`, or `fromIoredis(client)`. */
  readonly redis: SessionRedis;
  /** Begins every key. Glob characters in it mean themselves. (Default: `sess:`) */
  readonly prefix?: string;
  /**
   * How long a session may idle, in seconds, or a function of the session. As a number it holds for sessions whose
   * cookie has no `maxAge`; a function holds always. 0 or less ends the session. (Default: 86400, one day)
   */
  readonly ttl?: number | ((session: SessionValues) => number);
  /**
   * How long a session lives at most, in seconds, however busy it is. Danger: without such an end a stolen session
   * with a rolling cookie lives for ever. (Default: 604800, a week)
   */
  readonly absoluteTtl?: number;
  /** Requests that change nothing don't prolong the session. (Default: false) */
  readonly disableTouch?: boolean;
  /** Records get no expiry in Redis; the absolute lifetime is then checked at every load. (Default: false) */
  readonly disableTTL?: boolean;
  /**
   * Touches are written at most this often, in seconds; so a session may end this much sooner than its idle time.
   * 0: at every request. (Default: a hundredth of the idle time, at most 60)
   */
  readonly touchAfter?: number;
  /** Keys asked for by one SCAN in `all`, `ids`, `length` and `clear`. (Default: 100) */
  readonly scanCount?: number;
  /** (Default: JSON) */
  readonly serializer?: SessionSerializer;
  /**
   * Ids are hashed in Redis, so that a dump or a replica holds nothing that opens a session. Off, keys are those of
   * connect-redis. (Default: true)
   */
  readonly hashIds?: boolean;
  /** How long requests under way may still use an id that was regenerated, in seconds. (Default: 10) */
  readonly aliasSeconds?: number;
  /** Largest session that is saved, in bytes as serialized. (Default: 262144) */
  readonly maxBytes?: number;
  /** Sessions a user may have at once; the one that logged in first has to go. 0: no limit. (Default: 0) */
  readonly maxSessionsPerUser?: number;
  /** Whose session it is; undefined for nobody's yet. (Default: its `userId`, or Passport's `passport.user`) */
  readonly userOf?: (session: SessionValues) => string | undefined;
  /** How long destroying waits for a replica to have it, in ms, where there are replicas. (Default: 100) */
  readonly replicaWaitMs?: number;
  readonly logger?: Logger;
  readonly counters?: SessionCounters;
}

/** The options with their defaults, in ms. */
export interface SessionRules {
  readonly redis: SessionRedis;
  readonly keys: SessionKeys;
  readonly absoluteMs: number;
  /** How long generations and indexes are kept: beyond the end of every session that carries them. */
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
  /** 0: no expiry in Redis. Undefined: the session is over. */
  idleMsOf(session: SessionValues): number | undefined;
  touchAfterMs(idleMs: number): number;
}

export function sessionRules(options: SessionOptions): SessionRules {
  const absoluteMs = seconds('absoluteTtl', options.absoluteTtl ?? (7 * DAY) / SECOND);
  const { ttl = DAY / SECOND, disableTTL = false, touchAfter } = options;
  if (typeof ttl === 'number' && !Number.isFinite(ttl)) {
    throw new SessionOptionsError(`ttl: expected a number of seconds or a function, got ${ttl}`);
  }
  const touchMs = touchAfter === undefined ? undefined : seconds('touchAfter', touchAfter, 0);
  return {
    redis: closedWhenAway(options.redis),
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
    logger: options.logger ?? silentLogger,
    counters: options.counters,
    userOf: options.userOf ?? userOfSession,
    idleMsOf: (session) => (disableTTL ? 0 : idleMs(session, ttl)),
    touchAfterMs: (idle) => touchMs ?? Math.min(idle / 100, MINUTE),
  };
}

function idleMs(session: SessionValues, ttl: NonNullable<SessionOptions['ttl']>): number | undefined {
  const ms = typeof ttl === 'function' ? ttl(session) * SECOND : (cookieMs(session) ?? ttl * SECOND);
  return ms >= 1 ? Math.min(Math.ceil(ms), 9_999_999_999_999) : undefined;
}

/** What the cookie says of its own life: `originalMaxAge` doesn't depend on anybody's clock, `expires` does. */
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
