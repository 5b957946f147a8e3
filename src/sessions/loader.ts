import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionText } from './content';
import { handleOfForeign, handleOfRecord, type SessionHandle } from './handle';
import type { SessionContent } from './merge';
import type { SessionRules } from './options';
import { looksForeign, readRecord, remainingMs, type SessionRecord } from './record';
import type { Revocations } from './revocations';

export interface LoadedSession {
  /** As the application put it. */
  readonly data: SessionContent;
  readonly handle: SessionHandle;
}

/** A session that is kept while its user's others are revoked is stamped anew a moment after; it is asked again then. */
const RESTAMP_ASKS = 5;
const RESTAMP_PAUSE_MS = 20;
const RESTAMP_WINDOW_MICROS = 2_000_000;

/** Reads sessions, and says no to everything that isn't certainly alive. */
export class SessionLoader {
  constructor(
    private readonly rules: SessionRules,
    private readonly text: SessionText,
    private readonly revocations: Revocations,
  ) {}

  async load(sid: string): Promise<LoadedSession | undefined> {
    const { keys } = this.rules;
    const id = keys.idOf(sid);
    const foreignKey = keys.foreignOf(sid);
    const key = keys.recordOf(id);
    if (this.revocations.isDestroyed(key)) return undefined;
    const stored = await this.get(key);
    if (stored !== undefined && readRecord(stored)?.kind !== 'pending') return this.#read(id, stored);
    const foreign = foreignKey && (await this.get(foreignKey));
    if (!foreign) return undefined;
    // Only what connect-redis wrote: one of our own under its bare id would make the hash as good as the id.
    return looksForeign(foreign) ? this.#ofForeign(id, key, foreignKey, foreign) : this.#damaged();
  }

  /** By what stands for the session in Redis; a connect-redis record too, whose id that is. */
  async byId(id: string): Promise<LoadedSession | undefined> {
    const stored = await this.get(this.rules.keys.recordOf(id));
    return stored === undefined ? undefined : this.#read(id, stored);
  }

  async #read(id: string, stored: string): Promise<LoadedSession | undefined> {
    const key = this.rules.keys.recordOf(id);
    const record = readRecord(stored);
    if (record) return record.kind === 'pending' ? undefined : this.#ofRecord(id, key, record);
    return looksForeign(stored) ? this.#ofForeign(id, key, undefined, stored) : this.#damaged();
  }

  async #ofRecord(id: string, key: string, record: SessionRecord): Promise<LoadedSession | undefined> {
    const now = this.rules.redis.serverMicros();
    if (record.endsMs * 1_000 < (now?.micros ?? 0)) return undefined;
    const left = now && remainingMs(record, now.micros / 1_000);
    if (left !== undefined && left <= 0) return undefined;
    const current = this.#generation(record.user);
    const data = await this.text.read(record.payload);
    const generation = await current;
    if (data === undefined) return this.#damaged();
    const handle = handleOfRecord(id, key, record);
    if (record.generation === undefined) {
      return this.#withoutGeneration(data, handle);
    }
    if (generation === record.generation) return { data, handle };
    return this.#restamped(id, key, generation);
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

  async #ofForeign(
    id: string,
    key: string,
    foreignKey: string | undefined,
    text: string,
  ): Promise<LoadedSession | undefined> {
    const data = await this.text.read(text);
    if (data === undefined) return this.#damaged();
    return this.#withoutGeneration(data, handleOfForeign(id, key, foreignKey, text));
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

  async get(key: string): Promise<string | undefined> {
    const { redis } = this.rules;
    try {
      return (await redis.within(redis.client('sessions').get(key))) ?? undefined;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return '';
      throw error;
    }
  }

  /** Logged out, and counted; the record is left for whoever wants to know what happened to it. */
  #damaged(): undefined {
    this.rules.counters?.add('sessions_damaged');
    this.rules.logger.warn({}, 'a session record is damaged and counts as absent');
    return undefined;
  }
}
