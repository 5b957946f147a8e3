import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { systemClock } from '../../clock';
import { ReadBatcher } from '../../redis/reads/read-batcher';
import type { SessionRules } from '../options';
import type { Revocations } from '../revocation/revocations';
import type { SessionContent } from './merge-sessions';
import { handleOfForeign, handleOfRecord, type SessionHandle } from './session-handle';
import { looksForeign, readRecord, remainingMs, type SessionRecord } from './session-record';
import type { SessionText } from './session-text';

export interface LoadedSession {
  /** The session as the application stored it. */
  readonly data: SessionContent;
  readonly handle: SessionHandle;
}

/** A session that `revokeOthers` keeps gets the new login generation a moment later, so the loader looks again. */
const RENEWAL_LOOKS = 5;
const RENEWAL_PAUSE_MS = 20;
const RENEWAL_WINDOW_MICROS = 2_000_000;

const OWNERS_REMEMBERED = 10_000;

/** Reads sessions. It returns only sessions that are certainly alive. */
export class SessionLoader {
  readonly #reader: ReadBatcher;
  /** The user of a session when it was last loaded. It is a guess that saves a round trip and a hash. */
  readonly #owners = new LRUCache<string, { readonly user: string; readonly loginGenerationKey: string }>({
    max: OWNERS_REMEMBERED,
  });

  constructor(
    private readonly rules: SessionRules,
    private readonly text: SessionText,
    private readonly revocations: Revocations,
  ) {
    this.#reader = new ReadBatcher({
      redis: rules.redis,
      store: 'sessions',
      clock: systemClock,
      // After all sockets that have something to read: a tick would end after each of them.
      schedule: setImmediate,
    });
  }

  async load(sid: string): Promise<LoadedSession | undefined> {
    const { keys } = this.rules;
    const id = keys.idOf(sid);
    const key = keys.recordOf(id);
    if (this.revocations.isDestroyed(key)) return undefined;
    const owner = this.#owners.get(key);
    const generation = owner && this.get(owner.loginGenerationKey); // in the same round trip as the record
    generation?.catch(() => {}); // the caller that awaits it gets the error
    const stored = await this.get(key);
    const record = stored === undefined ? undefined : readRecord(stored);
    if (record && record.kind !== 'pending') {
      return this.#ofRecord(id, key, record, record.user === owner?.user ? generation : undefined);
    }
    if (stored !== undefined && record === undefined) return this.#ofText(id, key, undefined, stored);
    const foreignKey = keys.foreignOf(sid);
    const foreign = foreignKey && (await this.get(foreignKey));
    // Only a connect-redis record: if our own record were readable by its hash, the hash would be as good as the id.
    return foreign ? this.#ofText(id, key, foreignKey, foreign) : undefined;
  }

  /** Loads by the id in Redis, also a connect-redis record. */
  async byId(id: string): Promise<LoadedSession | undefined> {
    const key = this.rules.keys.recordOf(id);
    const stored = await this.get(key);
    if (stored === undefined) return undefined;
    const record = readRecord(stored);
    if (record === undefined) return this.#ofText(id, key, undefined, stored);
    return record.kind === 'pending' ? undefined : this.#ofRecord(id, key, record);
  }

  /** `guess`: the user's login generation, read at the same time as the record. */
  async #ofRecord(id: string, key: string, record: SessionRecord, guess?: Promise<string | undefined>) {
    if (this.#isOver(record)) return undefined;
    const current = guess ?? this.#loginGeneration(record.user);
    current?.catch(() => {}); // it may fail before the serializer has read the session; whoever awaits it gets the error
    const parsed = this.text.read(record.payload);
    const data = parsed instanceof Promise ? await parsed : parsed;
    let generation = await current;
    if (data === undefined) return this.#damaged();
    const handle = handleOfRecord(id, key, record);
    if (record.generation === undefined) return this.#withoutLoginGeneration(data, handle);
    if (guess && generation !== record.generation) generation = await this.#loginGeneration(record.user);
    if (generation !== record.generation) return this.#renewed(id, key, generation);
    if (guess === undefined && record.user !== undefined) {
      this.#owners.set(key, { user: record.user, loginGenerationKey: this.rules.keys.loginGenerationOf(record.user) });
    }
    return { data, handle };
  }

  /** Redis' expiry usually removes it first; this check is for a record that has lost its expiry. */
  #isOver(record: SessionRecord): boolean {
    const now = this.rules.redis.serverMicros();
    if (now === undefined) return false;
    const nowMs = now.micros / 1_000;
    return record.endsMs <= nowMs || (remainingMs(record, nowMs) ?? 1) <= 0;
  }

  /** The user has just revoked all sessions but one. Checks whether this is the one. */
  async #renewed(id: string, key: string, generation: string | undefined): Promise<LoadedSession | undefined> {
    const now = this.rules.redis.serverMicros()?.micros ?? 0;
    if (generation?.charAt(16) !== 'o' || Number(generation.slice(0, 16)) + RENEWAL_WINDOW_MICROS < now)
      return undefined;
    for (let look = 0; look < RENEWAL_LOOKS; look += 1) {
      await sleep(RENEWAL_PAUSE_MS);
      const stored = await this.get(key);
      const record = stored === undefined ? undefined : readRecord(stored);
      if (record === undefined || record.kind === 'pending') return undefined;
      if (record.generation !== generation) continue;
      const data = await this.text.read(record.payload);
      return data && { data, handle: handleOfRecord(id, key, record) };
    }
    return undefined;
  }

  /** Loads a text that is not one of our records. */
  async #ofText(id: string, key: string, foreignKey: string | undefined, text: string) {
    const data = looksForeign(text) ? await this.text.read(text) : undefined;
    return data ? this.#withoutLoginGeneration(data, handleOfForeign(id, key, foreignKey, text)) : this.#damaged();
  }

  /** A connect-redis session has no login generation: any later revocation of its user ends it. */
  async #withoutLoginGeneration(data: SessionContent, handle: SessionHandle): Promise<LoadedSession | undefined> {
    handle.user = this.rules.userOf(data);
    const generation = await this.#loginGeneration(handle.user);
    return generation === undefined || generation.charAt(16) === 'n' ? { data, handle } : undefined;
  }

  #loginGeneration(user: string | undefined): Promise<string | undefined> | undefined {
    return user === undefined ? undefined : this.get(this.rules.keys.loginGenerationOf(user));
  }

  get(key: string): Promise<string | undefined> {
    return this.#reader.get(key);
  }

  /** Counts as logged out. The record stays in Redis, so that somebody can examine it. */
  #damaged(): undefined {
    this.rules.counters?.add('sessions_damaged');
    this.rules.logger.warn({}, 'a session record is damaged, so its user must log in again');
    return undefined;
  }
}
