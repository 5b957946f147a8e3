import type { Fence, StoredVersion } from '../../cache/write/fence';
import type { Clock } from '../../clock';
import type { StoredEntity } from '../../entities/define-entity';
import type { WriteRow } from '../../entities/entity-store';
import { isPermanentStoreError } from '../../entities/store-errors';
import { isNewer, NO_VERSION, newestBy, type Version } from '../../entities/version';
import { coerceError } from '../../errors';
import type { DeadLetterReason } from '../dead-letters/dead-letter';
import type { DeadLetters } from '../dead-letters/dead-letter-store';
import type { JournalConsumer } from '../journal/journal';
import { type Claim, isJson, type JournalRow } from '../journal/journal-message';
import { type Coalesced, coalesce } from './coalesce';
import { type RowFate, saveRows } from './save-rows';

export interface CommitPorts {
  readonly fence: Pick<Fence, 'settle' | 'discard'>;
  readonly journal: Pick<JournalConsumer, 'readClaim' | 'dropClaims'>;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly clock: Clock;
  /** How far ahead of the clock a version may be, in ms. */
  readonly clockBoundMs: number;
}

/** Rows of a message, with how often they were tried before. */
export interface Attempted {
  readonly rows: readonly JournalRow[];
  readonly attempts: number;
}

export interface CommitReport {
  /** Rows to try again later, and why; the rest are done. */
  readonly later: readonly JournalRow[];
  readonly error: Error | undefined;
  readonly saved: readonly JournalRow[];
  /** The store had them or newer. */
  readonly fenced: number;
  /** Older than another write of their key in the same statement. */
  readonly superseded: number;
  readonly deadLetters: number;
}

export const DEFAULT_TTL_SECONDS = 3_600;

/** Names a row across the messages that hold it. */
export const rowName = (row: Pick<JournalRow, 'key' | 'version'>): string => `${row.version} ${row.key}`;

/**
 * Carries rows of one entity into its store, to the end: coalesced, saved in one statement, the cache converged after
 * the commit, what can never be saved put aside with the next older write of its key in its place. A row is done only
 * when all of that is.
 *
 * Nearly every row is plain and gets saved: it stays the one object that it was in the message, since each further one
 * would live as long as the statement and cost the garbage collector more than all else here.
 */
export class Commit {
  readonly #later: JournalRow[] = [];
  readonly #saved: JournalRow[] = [];
  /** Of the rows that are done. */
  readonly #claims: Claim[] = [];
  /** By key, newest first: what the newest write of the key supersedes once it is decided. */
  #older: Coalesced['older'] = new Map();
  /** Writes that are up next, since the newer one of their key was put aside. */
  #next: JournalRow[] = [];
  #error: Error | undefined;
  #fenced = 0;
  #superseded = 0;
  #deadLetters = 0;
  #batch: readonly Attempted[] = [];
  /** Versions beyond this come from a clock that is wrong. */
  readonly #newest: Version;

  constructor(
    private readonly entity: StoredEntity<unknown>,
    private readonly ports: CommitPorts,
  ) {
    this.#newest = newestBy(ports.clock.now(), ports.clockBoundMs);
  }

  /** Never throws. */
  async run(batch: readonly Attempted[]): Promise<CommitReport> {
    this.#batch = batch;
    const { newest, older } = coalesce(batch.flatMap(({ rows }) => rows));
    this.#older = older;
    for (let writes = newest; writes.length > 0; writes = this.#next.splice(0)) {
      const decided: JournalRow[] = [];
      const rows: WriteRow[] = [];
      for (const write of writes) {
        const row = isPlain(write) && write.version <= this.#newest ? write : await this.#prepare(write);
        if (!row) continue;
        decided.push(write);
        rows.push(row);
      }
      if (rows.length > 0) await this.#save(decided, rows);
    }
    await this.ports.journal.dropClaims(this.#claims);
    return {
      later: this.#later,
      error: this.#error,
      saved: this.#saved,
      fenced: this.#fenced,
      superseded: this.#superseded,
      deadLetters: this.#deadLetters,
    };
  }

  /** Of a write that is not plain: fetches its value from the blob, or puts it aside and gives nothing. */
  async #prepare(write: JournalRow): Promise<WriteRow | undefined> {
    const { key, version } = write;
    try {
      const value = isPlain(write) ? write.value : await this.ports.journal.readClaim(write.value as Claim);
      if (version > this.#newest) {
        await this.#putAside(write, 'clock', 'The version of the write lies in the future', value);
        return undefined;
      }
      if (typeof value === 'string' && isJson(value)) return { key, version, value };
      // The blob goes when its write is done: so this is most likely a repeat, and the store knows.
      const stored = (await this.entity.store.loadMany([key])).get(key)?.version ?? NO_VERSION;
      if (isNewer(version, stored)) {
        await this.#putAside(write, 'claim', 'The blob that held the value is gone or not JSON', value);
      } else {
        await this.#settle([write], [{ key, version: stored }]);
      }
    } catch (thrown) {
      this.#again(write, thrown);
    }
    return undefined;
  }

  /** `rows[i]` is what `writes[i]` says. */
  async #save(writes: readonly JournalRow[], rows: readonly WriteRow[]): Promise<void> {
    const fates = await saveRows(this.entity.store, rows);
    const decided: JournalRow[] = [];
    const stored: StoredVersion[] = [];
    for (let i = 0; i < writes.length; i++) {
      const write = writes[i] as JournalRow;
      const fate = fates[i] as RowFate;
      if (fate instanceof Error) await this.#fail(write, (rows[i] as WriteRow).value, fate);
      else {
        decided.push(write);
        stored.push(fate.saved ? write : { key: write.key, version: fate.storedVersion });
      }
    }
    if (decided.length > 0) await this.#settle(decided, stored);
  }

  /** `stored[i]` is what the store has of `writes[i]`: the write itself where it was saved. */
  async #settle(writes: readonly JournalRow[], stored: readonly StoredVersion[]): Promise<void> {
    const { ttlSeconds = DEFAULT_TTL_SECONDS, graceSeconds = 0 } = this.entity;
    try {
      await this.ports.fence.settle(stored, { ttlSeconds, graceSeconds });
    } catch (thrown) {
      // In the store, but the cache was not told: saving again will be refused by the fence, and settle again.
      for (const write of writes) this.#again(write, thrown);
      return;
    }
    for (let i = 0; i < writes.length; i++) {
      const write = writes[i] as JournalRow;
      if (stored[i] === write) this.#saved.push(write);
      else this.#fenced++;
      this.#finish(write);
    }
  }

  async #fail(write: JournalRow, value: string | null, error: Error): Promise<void> {
    // Whatever a store says of text that is no JSON: it will never take it.
    if (!(isPermanentStoreError(error) || (value !== null && !isJson(value)))) return this.#again(write, error);
    try {
      await this.#putAside(write, 'refused', error.message, value);
    } catch (thrown) {
      this.#again(write, thrown);
    }
  }

  /** Makes a dead letter of the newest write of a key; the next older one takes its place. */
  async #putAside(
    write: JournalRow,
    reason: DeadLetterReason,
    error: string,
    payload: string | null | undefined,
  ): Promise<void> {
    const { key, version, acceptedAt } = write;
    const tries = this.#batch.find(({ rows }) => rows.some((row) => rowName(row) === rowName(write)))?.attempts ?? 0;
    await this.ports.deadLetters.put({
      ...{ kind: 'write', entity: this.entity.name, key, version, acceptedAt },
      ...{ reason, error, payload, attempts: tries + 1 },
    });
    await this.ports.fence.discard(key, version);
    this.#deadLetters++;
    this.#done(write);
    const [next, ...older] = this.#older.get(key) ?? [];
    if (!next) return;
    this.#older.set(key, older);
    this.#next.push(next);
  }

  /** The write is decided, and with it the older ones of its key. */
  #finish(write: JournalRow): void {
    this.#done(write);
    const older = this.#older.get(write.key);
    if (!older) return;
    this.#superseded += older.length;
    for (const each of older) this.#done(each);
  }

  #done({ value }: JournalRow): void {
    if (isClaim(value)) this.#claims.push(value);
  }

  #again(write: JournalRow, thrown: unknown): void {
    this.#later.push(write, ...(this.#older.get(write.key) ?? []));
    this.#error ??= coerceError(thrown);
  }
}

const isClaim = (value: JournalRow['value']): value is Claim => typeof value === 'object' && value !== null;
const isPlain = (row: JournalRow): row is JournalRow & WriteRow => !isClaim(row.value);
