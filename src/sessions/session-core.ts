import { type SessionOptions, type SessionRules, type SessionValues, sessionRules } from './options';
import type { SessionContent } from './record/merge-sessions';
import { handleOfRecord, type SessionHandle, type SessionOrigin } from './record/session-handle';
import { type LoadedSession, SessionLoader } from './record/session-loader';
import { NO_LOGIN_GENERATION, writeMeta } from './record/session-record';
import { SessionSaver } from './record/session-saver';
import * as scripts from './record/session-scripts';
import { SessionText } from './record/session-text';
import { SessionDestroyer } from './revocation/destroy-session';
import { Revocations } from './revocation/revocations';
import { UserIndex } from './users/user-index';
import { UserSessions } from './users/user-sessions';

export type SessionSaveOutcome =
  /** Redis has it, merged with what others have saved since it was loaded. */
  | 'saved'
  /** It was destroyed, revoked or has expired. Nothing was written, so it stays ended. */
  | 'gone';

/**
 * Sessions without a web framework. A session id is the value of the cookie. `load` and `create` return a handle that
 * `save` and `touch` need. Every method rejects with `E_SESSIONS_UNAVAILABLE` if Redis does not answer in time.
 */
export class SessionCore {
  readonly rules: SessionRules;
  /** Sessions by user: list, count, revoke. */
  readonly users: UserSessions;
  readonly #text: SessionText;
  readonly #loader: SessionLoader;
  readonly #saver: SessionSaver;
  readonly #index: UserIndex;
  readonly #destroyer: SessionDestroyer;
  readonly #revocations: Revocations;

  constructor(options: SessionOptions) {
    this.rules = sessionRules(options);
    this.#text = new SessionText(this.rules);
    this.#revocations = new Revocations(this.rules);
    this.#loader = new SessionLoader(this.rules, this.#text, this.#revocations);
    this.#index = new UserIndex(this.rules);
    this.#destroyer = new SessionDestroyer(this.rules, this.#loader, this.#index, this.#revocations);
    this.users = new UserSessions(this.rules, this.#loader, this.#index, this.#destroyer, this.#revocations);
    this.#saver = new SessionSaver(this.rules, this.#text, this.#index, this.#destroyer);
  }

  /** Undefined if the id is unknown, expired, destroyed or revoked, or if its record cannot be read. */
  load(sid: string): Promise<LoadedSession | undefined> {
    return this.#loader.load(sid);
  }

  /** The content of a live session, by its id in Redis. For reading only. */
  async peek(id: string): Promise<SessionContent | undefined> {
    return (await this.#loader.byId(id))?.data;
  }

  /**
   * Stores a new session. `origin` is the result of `regenerate`, if the session replaces another one. Returns undefined
   * if the session may not exist: its origin was revoked, or its time has ended.
   */
  async create(sid: string, data: SessionValues, origin?: SessionOrigin): Promise<SessionHandle | undefined> {
    const { redis, keys, absoluteMs } = this.rules;
    const payload = this.#text.write(data);
    const idleMs = this.rules.idleMsOf(data);
    const user = this.rules.userOf(data);
    const id = keys.idOf(sid);
    const key = keys.recordOf(id);
    const from = origin?.user === user ? origin : undefined;
    if (idleMs === undefined) await this.#destroyer.destroy(key, keys.foreignOf(sid));
    if (idleMs === undefined || (from?.gone && user !== undefined)) return undefined;
    let [generation, authenticatedMs] = [NO_LOGIN_GENERATION, from?.authenticatedMs ?? 0];
    const endsMs = from?.endsMs ?? 0;
    if (user !== undefined) {
      const held = from ? (from.generation ?? '-') : '';
      const entered = await this.#index.enter({ user, id, held, authenticatedMs, idleMs, endsMs }, this.#destroyer);
      if (entered === undefined) return undefined;
      ({ generation, authenticatedMs } = entered);
    }
    const args = [idleMs, absoluteMs, authenticatedMs, generation, writeMeta(user), payload, endsMs];
    const reply = await redis.run('sessions', scripts.put, [key], args);
    if (reply[0] === 'gone') return undefined;
    if (user !== undefined && !(await this.#index.mayStay(user, id, Number(reply[4])))) {
      await this.#destroyer.destroy(key, undefined);
      return undefined;
    }
    return handleOfRecord(id, key, {
      kind: 'session',
      version: reply[1],
      createdMs: Number(reply[2]),
      endsMs: Number(reply[3]),
      seenMs: Math.floor(Number(reply[1]) / 1_000),
      idleMs,
      authenticatedMs: Number(reply[4]),
      generation: user === undefined ? undefined : generation,
      user,
      successor: undefined,
      payload,
    });
  }

  /** Saves a loaded session. Changes that others have saved since are merged by top-level key; the last writer wins. */
  async save(handle: SessionHandle, data: SessionValues): Promise<SessionSaveOutcome> {
    const idleMs = this.rules.idleMsOf(data);
    if (idleMs === undefined) {
      await this.#destroyer.destroy(handle.key, handle.foreignKey);
      return 'gone';
    }
    const due = this.#isDue(handle, idleMs);
    const saved = await this.#saver.save(handle, data, idleMs);
    if (!saved) this.rules.counters?.add('sessions_refused_saves');
    else if (due) await this.#index.heal(handle);
    return saved ? 'saved' : 'gone';
  }

  /** True if `touch` would write. */
  isTouchDue(handle: SessionHandle, data: SessionValues): boolean {
    if (this.rules.disableTouch || handle.retired) return false;
    const idleMs = this.rules.idleMsOf(data);
    return idleMs === undefined || this.#isDue(handle, idleMs);
  }

  /** Notes that the session is in use, not more often than `touchAfter`. False if it is gone. */
  async touch(handle: SessionHandle, data: SessionValues): Promise<boolean> {
    if (!this.isTouchDue(handle, data)) return true;
    const idleMs = this.rules.idleMsOf(data);
    if (idleMs === undefined) {
      await this.#destroyer.destroy(handle.key, handle.foreignKey);
      return false;
    }
    const key = handle.foreignKey ?? handle.key;
    const [touched] = await Promise.all([
      this.rules.redis.run('sessions', scripts.touch, [key], [idleMs]),
      this.#index.heal({ ...handle, idleMs }),
    ]);
    if (touched === 0) return false;
    handle.seenMs = this.#serverMs() ?? 0;
    handle.idleMs = idleMs;
    return true;
  }

  /** Destroys a session, and its connect-redis record. Rejects if the result is unknown. */
  async destroy(sid: string): Promise<void> {
    const { keys } = this.rules;
    await this.#destroyer.destroy(keys.recordOf(keys.idOf(sid)), keys.foreignOf(sid));
  }

  /**
   * Replaces a session by one with a new id. Running requests may read the old one for `aliasSeconds`. Their changes go
   * to the new session if it has the same user; otherwise they are dropped. Pass the result to `create`.
   */
  async regenerate(handle: SessionHandle, newSid: string): Promise<SessionOrigin> {
    const { redis, keys, aliasMs } = this.rules;
    const { user, generation, authenticatedMs, endsMs } = handle;
    const held = { user, generation, authenticatedMs, endsMs };
    if (handle.foreignKey) {
      const text = await this.#revocations.destroy(handle.foreignKey);
      return { ...held, gone: text === '' };
    }
    const meta = writeMeta(user, keys.idOf(newSid));
    const text = await redis.run('sessions', scripts.retire, [handle.key], [aliasMs, meta]);
    if (text === '') return { ...held, gone: true };
    this.#revocations.destroyLater(handle.key, aliasMs);
    if (user !== undefined) await this.#index.leave(user, handle.id, authenticatedMs);
    return { ...held, gone: false };
  }

  /** Closes the connection of revocations. */
  close(): void {
    this.#revocations.close();
  }

  #isDue(handle: SessionHandle, idleMs: number): boolean {
    const now = this.#serverMs();
    return now === undefined || idleMs !== handle.idleMs || now - handle.seenMs >= this.rules.touchAfterMs(idleMs);
  }

  #serverMs(): number | undefined {
    const now = this.rules.redis.serverMicros();
    return now && Math.floor(now.micros / 1_000);
  }
}
