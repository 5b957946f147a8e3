import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionRules, SessionValues } from '../options';
import type { UserSessions } from '../users/user-sessions';
import { mergeSessions, type SessionContent } from './merge-sessions';
import { adoptRecord, type SessionHandle, sha1 } from './session-handle';
import { looksForeign, NO_GENERATION, readRecord, writeMeta } from './session-record';
import * as scripts from './session-scripts';
import type { SessionText } from './session-text';
import { takeOver } from './take-over';

/** Each lost race means that another's save went through, so this bounds how many save one session at once. */
const ATTEMPTS = 200;
/** What isn't there yet is waited for this long: a successor is saved at the end of the request that regenerated. */
const ASKS = 25;
const PAUSE_MS = 20;

/** The user that this save has entered into the index, if any; kept while the save is tried again. */
interface Login {
  entered?: { readonly user: string; readonly generation: string; readonly authenticatedMs: number };
}

type Identity = { readonly args: readonly (string | number)[]; readonly becomes: Partial<SessionHandle> };

/** Saves onto what is still there, by compare-and-set; a save that lost the race is merged and tried again. */
export class SessionSaver {
  constructor(
    private readonly rules: SessionRules,
    private readonly text: SessionText,
    private readonly users: UserSessions,
  ) {}

  /** False where nothing was written: destroyed, revoked or expired meanwhile. */
  async save(handle: SessionHandle, data: SessionValues, idleMs: number): Promise<boolean> {
    const login: Login = {};
    try {
      return await this.#save(handle, data, idleMs, login);
    } finally {
      // Another request entered the same user first, or nothing was saved: our entry is nobody's.
      const { entered } = login;
      if (entered && (handle.user !== entered.user || handle.authenticatedMs !== entered.authenticatedMs)) {
        await this.users.leave(entered.user, handle.id, entered.authenticatedMs);
      }
    }
  }

  async #save(handle: SessionHandle, data: SessionValues, idleMs: number, login: Login): Promise<boolean> {
    const mine = this.text.write(data);
    if (handle.foreignKey) await takeOver(this.rules, handle, handle.foreignKey, idleMs);
    let payload = handle.stored === handle.base ? mine : await this.#merged(handle, mine);
    let asks = 0;
    for (let attempt = 0; attempt < ATTEMPTS && asks < ASKS && payload !== undefined; attempt += 1) {
      const content = payload === mine ? data : await this.text.read(payload);
      const identity = content && (await this.#identity(handle, content, idleMs, login));
      if (identity === undefined) return false;
      const args = [handle.expected, idleMs, this.rules.absoluteMs, payload, ...identity.args];
      const reply = await this.rules.redis.run('sessions', scripts.save, [handle.key], args);
      switch (reply[0]) {
        case 'saved':
          Object.assign(handle, identity.becomes, {
            expected: reply[1],
            endsMs: Number(reply[2]),
            seenMs: Math.floor(Number(reply[1]) / 1_000),
            idleMs,
            base: mine,
            stored: payload,
          });
          return true;
        case 'conflict':
          payload = (await this.#adopt(handle, reply[1])) ? await this.#merged(handle, mine) : undefined;
          break;
        case 'retired':
          if (!this.#follow(handle, reply[1])) return false;
          asks += 1;
          break;
        default:
          // A successor, or a record being taken over from connect-redis, is about to be there; nothing else is.
          if (reply[0] === 'gone' && asks === 0) return false;
          asks += 1;
          await sleep(PAUSE_MS);
      }
    }
    return false;
  }

  async #merged(handle: SessionHandle, mine: string): Promise<string | undefined> {
    const [base, own, theirs] = await Promise.all(
      [handle.base, mine, handle.stored].map((each) => this.text.read(each)),
    );
    return base && own && theirs && this.text.write(mergeSessions(base, own, theirs));
  }

  /** Takes the record as it is now for what to save onto. False where it isn't this session any more. */
  async #adopt(handle: SessionHandle, stored: string): Promise<boolean> {
    const record = readRecord(stored);
    if (record === undefined) {
      if (!looksForeign(stored)) return false;
      handle.stored = stored;
      handle.expected = sha1(stored);
      return true;
    }
    const followed = handle.retired;
    const user = record.user ?? userOfContent(this.rules, await this.text.read(record.payload));
    if (followed && user !== handle.user) return false;
    adoptRecord(handle, record, user);
    return true;
  }

  /**
   * The id was regenerated under way: what changed goes to the session that took its place, if that is the same
   * user's. Over a login nothing is carried: who knew the old id must gain nothing by it.
   */
  #follow(handle: SessionHandle, stored: string): boolean {
    const record = readRecord(stored);
    if (record?.successor === undefined || record.user !== handle.user) return false;
    handle.id = record.successor;
    handle.key = this.rules.keys.recordOf(record.successor);
    handle.expected = '';
    handle.retired = true;
    return true;
  }

  /** What the record has to say of its user, where that changes. Undefined: revoked meanwhile. */
  async #identity(
    handle: SessionHandle,
    data: SessionContent,
    idleMs: number,
    login: Login,
  ): Promise<Identity | undefined> {
    const user = this.rules.userOf(data);
    if (user === handle.user && (user === undefined || handle.generation !== undefined)) {
      return { args: [], becomes: {} };
    }
    if (user === undefined) {
      const becomes = { user, generation: undefined, authenticatedMs: handle.createdMs };
      return { args: [writeMeta(user), NO_GENERATION, handle.createdMs], becomes };
    }
    if (login.entered?.user !== user) {
      const held = user === handle.user ? '-' : '';
      const entry = { user, id: handle.id, held, authenticatedMs: 0, idleMs, endsMs: handle.endsMs };
      const entered = await this.users.enter(entry);
      if (entered === undefined) return undefined;
      login.entered = { user, ...entered };
    }
    const { generation, authenticatedMs } = login.entered;
    return { args: [writeMeta(user), generation, authenticatedMs], becomes: { user, generation, authenticatedMs } };
  }
}

function userOfContent(rules: SessionRules, data: SessionContent | undefined): string | undefined {
  return data && rules.userOf(data);
}
