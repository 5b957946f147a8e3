import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { systemClock } from '../../clock';
import { ReadBatcher } from '../../redis/read-batcher';
import type { SessionRules } from '../options';
import type { Revocations } from '../revocation/revocations';
import type { SessionContent } from './merge-sessions';
import { handleOfForeign, handleOfRecord, type SessionHandle } from './session-handle';
import { looksForeign, readRecord, remainingMs, type SessionRecord } from './session-record';
import type { SessionText } from './session-text';

export interface LoadedSession {
  /** As the application put it. */
  readonly data: SessionContent;
  readonly handle: SessionHandle;
}

/** A session that is kept while its user's others are revoked is stamped anew a moment after; it is asked again then. */
const RESTAMP_ASKS = 5;
const RESTAMP_PAUSE_MS = 20;
const RESTAMP_WINDOW_MICROS = 2_000_000;

const OWNERS_REMEMBERED = 10_000;

/** Reads sessions, and says no to everything that isn't certainly alive. */
export class SessionLoader {
  readonly #reader: ReadBatcher;
  /** Whose a session was when it was last loaded: only a guess, which saves a round trip and a hash. */
  readonly #owners = new LRUCache<string, { readonly user: string; readonly generationKey: string }>({
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
    const generation = owner && this.get(owner.generationKey); // in the same round trip as the record
    generation?.catch(() => {}); // who needs it hears of it
    const stored = await this.get(key);
    const record = stored === undefined ? undefined : readRecord(stored);
    if (record && record.kind !== 'pending') {
      return this.#ofRecord(id, key, record, record.user === owner?.user ? generation : undefined);
    }
    if (stored !== undefined && record === undefined) return this.#ofText(id, key, undefined, stored);
    const foreignKey = keys.foreignOf(sid);
    const foreign = foreignKey && (await this.get(foreignKey));
    // Only what connect-redis wrote: one of our own under its bare id would make the hash as good as the id.
    return foreign ? this.#ofText(id, key, foreignKey, foreign) : undefined;
  }

  /** By what stands for the session in Redis; a connect-redis record too, whose id that is. */
  async byId(id: string): Promise<LoadedSession | undefined> {
    const key = this.rules.keys.recordOf(id);
    const stored = await this.get(key);
    if (stored === undefined) return undefined;
    const record = readRecord(stored);
    if (record === undefined) return this.#ofText(id, key, undefined, stored);
    return record.kind === 'pending' ? undefined : this.#ofRecord(id, key, record);
  }

  /** `guess`: the user's generation, read at the same time or a little before. */
  async #ofRecord(
    id: string,
    key: string,
    record: SessionRecord,
    guess?: Promise<string | undefined>,
  ): Promise<LoadedSession | undefined> {
    if (this.#isOver(record)) return undefined;
    const current = guess ?? this.#generation(record.user);
    const parsed = this.text.read(record.payload);
    const data = parsed instanceof Promise ? await parsed : parsed;
    let generation = await current;
    if (data === undefined) return this.#damaged();
    const handle = handleOfRecord(id, key, record);
    if (record.generation === undefined) return this.#withoutGeneration(data, handle);
    if (guess && generation !== record.generation) generation = await this.#generation(record.user);
    if (generation !== record.generation) return this.#restamped(id, key, generation);
    if (guess === undefined && record.user !== undefined) {
      this.#owners.set(key, { user: record.user, generationKey: this.rules.keys.generationOf(record.user) });
    }
    return { data, handle };
  }

  /** Redis' expiry says so first; this is for a record whose expiry was lost. */
  #isOver(record: SessionRecord): boolean {
    const now = this.rules.redis.serverMicros();
    if (now === undefined) return false;
    const nowMs = now.micros / 1_000;
    return record.endsMs <= nowMs || (remainingMs(record, nowMs) ?? 1) <= 0;
  }

  /** `user` revoked all but one session just now: is this the one? */
  async #restamped(id: string, key: string, generation: string | undefined): Promise<LoadedSession | undefined> {
    const now = this.rules.redis.serverMicros()?.micros ?? 0;
    if (generation?.charAt(16) !== 'o' || Number(generation.slice(0, 16)) + RESTAMP_WINDOW_MICROS < now)
      return undefined;
    for (let ask = 0; ask < RESTAMP_ASKS; ask += 1) {
      await sleep(RESTAMP_PAUSE_MS);
      const stored = await this.get(key);
      const record = stored === undefined ? undefined : readRecord(stored);
      if (record === undefined || record.kind === 'pending') return undefined;
      if (record.generation !== generation) continue;
      const data = await this.text.read(record.payload);
      return data && { data, handle: handleOfRecord(id, key, record) };
    }
    return undefined;
  }

  /** Of a text that is no record of ours. */
  async #ofText(
    id: string,
    key: string,
    foreignKey: string | undefined,
    text: string,
  ): Promise<LoadedSession | undefined> {
    const data = looksForeign(text) ? await this.text.read(text) : undefined;
    return data ? this.#withoutGeneration(data, handleOfForeign(id, key, foreignKey, text)) : this.#damaged();
  }

  /** A session from before there were generations: any revocation of its user since kills it. */
  async #withoutGeneration(data: SessionContent, handle: SessionHandle): Promise<LoadedSession | undefined> {
    handle.user = this.rules.userOf(data);
    const generation = await this.#generation(handle.user);
    return generation === undefined || generation.charAt(16) === 'n' ? { data, handle } : undefined;
  }

  #generation(user: string | undefined): Promise<string | undefined> | undefined {
    return user === undefined ? undefined : this.get(this.rules.keys.generationOf(user));
  }

  get(key: string): Promise<string | undefined> {
    return this.#reader.get(key);
  }

  /** Logged out, and counted; the record is left for whoever wants to know what happened to it. */
  #damaged(): undefined {
    this.rules.counters?.add('sessions_damaged');
    this.rules.logger.warn({}, 'a session record is damaged and counts as absent');
    return undefined;
  }
}
