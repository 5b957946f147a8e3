/**
 * A session's record in Redis: a header of fixed width, a line of JSON, and the session itself. The header is ASCII, so
 * a script can change one field in place and `redis-cli GET` can show it. docs/sessions.md has the table;
 * test/sessions/record.test.ts pins it.
 */
export interface SessionRecord {
  /**
   * `session`: alive. `retired`: its id was regenerated; its old content stays readable for some seconds. `pending`: it
   * will replace a connect-redis record and is not alive yet.
   */
  readonly kind: 'session' | 'retired' | 'pending';
  /** Server time of the last save in µs, 16 digits. Only a save changes it. */
  readonly version: string;
  readonly createdMs: number;
  /** End of the absolute lifetime, ms since 1970. */
  readonly endsMs: number;
  /** Last save or touch, ms since 1970; touches are throttled. */
  readonly seenMs: number;
  /** How long it may be unused. 0: no expiry in Redis (`disableTTL`). */
  readonly idleMs: number;
  /** When its user logged in; before a login it equals `createdMs`. */
  readonly authenticatedMs: number;
  /**
   * The login generation of its user when it was saved; undefined without a user. 16 digits of µs, then its cause (`n`: a
   * login, `r`: all sessions revoked, `o`: all but one), then 22 random characters.
   */
  readonly generation: string | undefined;
  readonly user: string | undefined;
  /** The id of the session that replaced a retired record. */
  readonly successor: string | undefined;
  /** The serialized session. */
  readonly payload: string;
}

const kinds = { s: 'session', r: 'retired', p: 'pending' } as const;
/** Kind, version, created, ends, seen, idle, authenticated, login generation. */
const header = /^cs1 ([srp]) (\d{16}) (\d{13}) (\d{13}) (\d{13}) (\d{13}) (\d{13}) (\d{16}[nro][\w-]{22}|-{39})\n/;

export const NO_LOGIN_GENERATION = '-'.repeat(39);

/** Parses a record. Undefined if the text is not one of ours or is damaged. */
export function readRecord(text: string): SessionRecord | undefined {
  const fields = header.exec(text);
  if (fields === null) return undefined;
  const [head, kind, version, created, ends, seen, idle, authenticated, generation] = fields;
  const endOfMeta = text.indexOf('\n', head.length);
  if (endOfMeta < 0) return undefined;
  const meta = readMeta(text.slice(head.length, endOfMeta));
  if (meta === undefined) return undefined;
  return {
    kind: kinds[kind as keyof typeof kinds],
    version: version as string,
    createdMs: Number(created),
    endsMs: Number(ends),
    seenMs: Number(seen),
    idleMs: Number(idle),
    authenticatedMs: Number(authenticated),
    generation: generation === NO_LOGIN_GENERATION ? undefined : generation,
    user: meta.u,
    successor: meta.next,
    payload: text.slice(endOfMeta + 1),
  };
}

type Meta = { readonly u: string | undefined; readonly next: string | undefined };

export const writeMeta = (user: string | undefined, successor?: string): string =>
  JSON.stringify({ u: user, next: successor } satisfies Meta);

function readMeta(line: string): Meta | undefined {
  try {
    const meta: unknown = JSON.parse(line);
    if (typeof meta !== 'object' || meta === null) return undefined;
    const { u, next } = meta as Record<string, unknown>;
    return { u: typeof u === 'string' ? u : undefined, next: typeof next === 'string' ? next : undefined };
  } catch {
    return undefined;
  }
}

/** A connect-redis record is the plain JSON of the session. */
export const looksForeign = (text: string): boolean => text.startsWith('{');

/**
 * The right TTL of a record at `nowMs` (server time), in ms: the lesser of what is left of its idle and of its absolute
 * lifetime. 0 or less: the record should not exist. Undefined: no expiry.
 */
export function remainingMs(
  record: Pick<SessionRecord, 'idleMs' | 'seenMs' | 'endsMs'>,
  nowMs: number,
): number | undefined {
  if (record.idleMs === 0) return undefined;
  return Math.min(record.seenMs + record.idleMs, record.endsMs) - nowMs;
}
