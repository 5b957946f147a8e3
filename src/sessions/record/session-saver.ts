import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionRules, SessionValues } from '../options';
import type { SessionDestroyer } from '../revocation/destroy-session';
import type { Login, UserIndex } from '../users/user-index';
import { mergeSessions, type SessionContent } from './merge-sessions';
import { type SessionHandle, sha1, useRecord } from './session-handle';
import { looksForeign, NO_LOGIN_GENERATION, readRecord, writeMeta } from './session-record';
import * as scripts from './session-scripts';
import type { SessionText } from './session-text';
import { takeOver } from './take-over';

/** Each lost race means that another save succeeded. So this limits how many requests save one session at once. */
const ATTEMPTS = 200;
/** How often to look for a record that is not there yet: a successor is saved at the end of the regenerating request. */
const LOOKS = 25;
const PAUSE_MS = 20;

/** The login that this save has added to the user's index. It is kept while the save is tried again. */
type SaveLogin = { entered?: Login & { readonly user: string } };

/** Saves onto the existing record by compare-and-set. A save that lost the race is merged and tried again. */
export class SessionSaver {
  constructor(
    private readonly rules: SessionRules,
    private readonly text: SessionText,
    private readonly index: UserIndex,
    private readonly destroyer: SessionDestroyer,
  ) {}

  /** False if nothing was written, because the session was destroyed or revoked or has expired. */
  async save(handle: SessionHandle, data: SessionValues, idleMs: number): Promise<boolean> {
    const login: SaveLogin = {};
    try {
      return await this.#save(handle, data, idleMs, login);
    } finally {
      // Another request added the same user first, or nothing was saved. Then our index entry belongs to no session.
      const { entered } = login;
      if (entered && (handle.user !== entered.user || handle.authenticatedMs !== entered.authenticatedMs)) {
        await this.index.leave(entered.user, handle.id, entered.authenticatedMs);
      }
    }
  }

  async #save(handle: SessionHandle, data: SessionValues, idleMs: number, login: SaveLogin): Promise<boolean> {
    const mine = this.text.write(data);
    if (handle.foreignKey) await takeOver(this.rules, handle, handle.foreignKey, idleMs);
    let payload = handle.stored === handle.base ? mine : await this.#merged(handle, mine);
    let looks = 0;
    for (let attempt = 0; attempt < ATTEMPTS && looks < LOOKS && payload !== undefined; attempt += 1) {
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
          payload = (await this.#useStored(handle, reply[1])) ? await this.#merged(handle, mine) : undefined;
          break;
        case 'retired':
          if (!this.#follow(handle, reply[1])) return false;
          looks += 1;
          break;
        default:
          // Only a successor, or a record that is being taken over from connect-redis, can still appear.
          if (reply[0] === 'gone' && looks === 0) return false;
          looks += 1;
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

  /** Makes the current record the base of the next try. False if it is not this session any more. */
  async #useStored(handle: SessionHandle, stored: string): Promise<boolean> {
    const record = readRecord(stored);
    if (record === undefined) {
      if (!looksForeign(stored)) return false;
      handle.stored = stored;
      handle.expected = sha1(stored);
      return true;
    }
    const followed = handle.retired;
    const content = record.user === undefined ? await this.text.read(record.payload) : undefined;
    const user = record.user ?? (content && this.rules.userOf(content));
    if (followed && user !== handle.user) return false;
    useRecord(handle, record, user);
    return true;
  }

  /**
   * The id was regenerated meanwhile: the changes go to the session that replaced it, if it has the same user. Nothing is
   * carried over a login, because somebody who knew the old id must not profit from it.
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

  /** The record's fields about the user, if the user changes. Undefined if the session was revoked meanwhile. */
  async #identity(handle: SessionHandle, data: SessionContent, idleMs: number, login: SaveLogin) {
    const user = this.rules.userOf(data);
    if (user === handle.user && (user === undefined || handle.generation !== undefined)) {
      return { args: [], becomes: {} };
    }
    if (user === undefined) {
      const becomes = { user, generation: undefined, authenticatedMs: handle.createdMs };
      return { args: [writeMeta(user), NO_LOGIN_GENERATION, handle.createdMs], becomes };
    }
    if (login.entered?.user !== user) {
      const held = user === handle.user ? '-' : '';
      const entry = { user, id: handle.id, held, authenticatedMs: 0, idleMs, endsMs: handle.endsMs };
      const entered = await this.index.enter(entry, this.destroyer);
      if (entered === undefined) return undefined;
      login.entered = { user, ...entered };
    }
    const { generation, authenticatedMs } = login.entered;
    return { args: [writeMeta(user), generation, authenticatedMs], becomes: { user, generation, authenticatedMs } };
  }
}
