import { type SessionOptions, type SessionRules, type SessionValues, sessionRules } from './options';
import type { SessionContent } from './record/merge-sessions';
import { handleOfRecord, type SessionHandle, type SessionOrigin } from './record/session-handle';
import { type LoadedSession, SessionLoader } from './record/session-loader';
import { NO_GENERATION, readRecord, writeMeta } from './record/session-record';
import { SessionSaver } from './record/session-saver';
import * as scripts from './record/session-scripts';
import { SessionText } from './record/session-text';
import { Revocations } from './revocation/revocations';
import { UserSessions } from './users/user-sessions';

export type SessionSaveOutcome =
  /** Redis holds it now, with what others changed meanwhile. */
  | 'saved'
  /** It was destroyed, revoked or had expired: nothing was written, and nothing came back to life. */
  | 'gone';

/**
 * Sessions without a web framework. Ids are what the cookie holds; `load` and `create` give a handle that `save` and
 * `touch` need. Rejects with `E_SESSIONS_UNAVAILABLE` where Redis doesn't answer in time; it never guesses.
 */
export class SessionCore {
  readonly rules: SessionRules;
  /** Sessions by user: list, count, revoke. */
  readonly users: UserSessions;
  readonly #text: SessionText;
  readonly #loader: SessionLoader;
  readonly #saver: SessionSaver;
  readonly #revocations: Revocations;

  constructor(options: SessionOptions) {
    this.rules = sessionRules(options);
    this.#text = new SessionText(this.rules);
    this.#revocations = new Revocations(this.rules);
    this.#loader = new SessionLoader(this.rules, this.#text, this.#revocations);
    this.users = new UserSessions(this.rules, this.#loader, (key) => this.#destroy(key, undefined), this.#revocations);
    this.#saver = new SessionSaver(this.rules, this.#text, this.users);
  }

  /** Undefined for an id that is unknown, expired, destroyed or revoked, and for a record that can't be read. */
  load(sid: string): Promise<LoadedSession | undefined> {
    return this.#loader.load(sid);
  }

  /** The content of a living session by what stands for it in Redis; for reading only. */
  async peek(id: string): Promise<SessionContent | undefined> {
    return (await this.#loader.byId(id))?.data;
  }

  /**
   * Writes a session that was never loaded. `origin` is what `regenerate` gave, where the session takes another's
   * place. Undefined where it may not live: its origin was revoked, or its time is up.
   */
  async create(sid: string, data: SessionValues, origin?: SessionOrigin): Promise<SessionHandle | undefined> {
    const { redis, keys, absoluteMs } = this.rules;
    const payload = this.#text.write(data);
    const idleMs = this.rules.idleMsOf(data);
    const user = this.rules.userOf(data);
    const id = keys.idOf(sid);
    const key = keys.recordOf(id);
    const from = origin?.user === user ? origin : undefined;
    if (idleMs === undefined) await this.#destroy(key, keys.foreignOf(sid));
    if (idleMs === undefined || (from?.gone && user !== undefined)) return undefined;
    let [generation, authenticatedMs] = [NO_GENERATION, from?.authenticatedMs ?? 0];
    const endsMs = from?.endsMs ?? 0;
    if (user !== undefined) {
      const held = from ? (from.generation ?? '-') : '';
      const entered = await this.users.enter({ user, id, held, authenticatedMs, idleMs, endsMs });
      if (entered === undefined) return undefined;
      ({ generation, authenticatedMs } = entered);
    }
    const args = [idleMs, absoluteMs, authenticatedMs, generation, writeMeta(user), payload, endsMs];
    const reply = await redis.run('sessions', scripts.put, [key], args);
    if (reply[0] === 'gone') return undefined;
    if (user !== undefined && !(await this.users.mayStay(user, id, Number(reply[4])))) {
      await this.#destroy(key, undefined);
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

  /** Saves onto what is still there; what others saved since is merged by top-level key, the last writer winning. */
  async save(handle: SessionHandle, data: SessionValues): Promise<SessionSaveOutcome> {
    const idleMs = this.rules.idleMsOf(data);
    if (idleMs === undefined) {
      await this.#destroy(handle.key, handle.foreignKey);
      return 'gone';
    }
    const due = this.#isDue(handle, idleMs);
    const saved = await this.#saver.save(handle, data, idleMs);
    if (!saved) this.rules.counters?.add('sessions_refused_saves');
    else if (due) await this.users.heal(handle);
    return saved ? 'saved' : 'gone';
  }

  /** Whether `touch` would write anything. */
  isTouchDue(handle: SessionHandle, data: SessionValues): boolean {
    if (this.rules.disableTouch || handle.retired) return false;
    const idleMs = this.rules.idleMsOf(data);
    return idleMs === undefined || this.#isDue(handle, idleMs);
  }

  /** Notes that the session is in use, not more often than `touchAfter`. False where it is gone. */
  async touch(handle: SessionHandle, data: SessionValues): Promise<boolean> {
    if (!this.isTouchDue(handle, data)) return true;
    const idleMs = this.rules.idleMsOf(data);
    if (idleMs === undefined) {
      await this.#destroy(handle.key, handle.foreignKey);
      return false;
    }
    const key = handle.foreignKey ?? handle.key;
    const [touched] = await Promise.all([
      this.rules.redis.run('sessions', scripts.touch, [key], [idleMs]),
      this.users.heal({ ...handle, idleMs }),
    ]);
    if (touched === 0) return false;
    handle.seenMs = this.#serverMs() ?? 0;
    handle.idleMs = idleMs;
    return true;
  }

  /** Destroys a session, under the name connect-redis would have given it too. Rejects where that isn't certain. */
  async destroy(sid: string): Promise<void> {
    const { keys } = this.rules;
    await this.#destroy(keys.recordOf(keys.idOf(sid)), keys.foreignOf(sid));
  }

  /**
   * Ends a session in favour of one with another id. Requests under way may read it for `aliasSeconds` more; what they
   * change goes to the new session if that is the same user's, else nowhere. Give the result to `create`.
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
    if (user !== undefined) await this.users.leave(user, handle.id, authenticatedMs);
    return { ...held, gone: false };
  }

  /** Ends the connection that revocations have. */
  close(): void {
    this.#revocations.close();
  }

  async #destroy(key: string, foreignKey: string | undefined): Promise<void> {
    // First the foreign one: see lua/move.lua. Where Redis is away both are given, so that both are owed.
    const foreign = foreignKey === undefined ? [] : await Promise.allSettled([this.#revocations.destroy(foreignKey)]);
    const record = readRecord(await this.#revocations.destroy(key));
    for (const outcome of foreign) if (outcome.status === 'rejected') throw outcome.reason;
    if (record?.user === undefined) return;
    await this.users.leave(record.user, key.slice(this.rules.keys.prefix.length), record.authenticatedMs);
    if (record.successor === undefined) return;
    // Logging out by the old id, while it still answers, means the session that took its place.
    const successorKey = this.rules.keys.recordOf(record.successor);
    const successor = readRecord((await this.#loader.get(successorKey)) ?? '');
    if (successor?.user === record.user) await this.#destroy(successorKey, undefined);
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
