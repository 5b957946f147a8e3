import { DEFAULT_OPTIONS } from '../../cache/call-options';
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
import { type Claim, isClaim, isJson, type JournalRow } from '../journal/journal-message';
import { type Coalesced, coalesce } from './coalesce';
import { type RowFate, saveRows } from './save-rows';

export interface BatchSavePorts {
  readonly fence: Pick<Fence, 'settle' | 'discard'>;
  readonly journal: Pick<JournalConsumer, 'readClaim' | 'dropClaims'>;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly clock: Clock;
  /** How far a version may be ahead of the clock, in ms. */
  readonly clockBoundMs: number;
}

/** The rows of a message, and how often they were tried before. */
export type AttemptedRows = { readonly rows: readonly JournalRow[]; readonly attempts: number };

export interface BatchSaveReport {
  /** Rows to try again later; `error` says why. All other rows are done. */
  readonly later: readonly JournalRow[];
  readonly error: Error | undefined;
  readonly saved: readonly JournalRow[];
  /** Rows that the store already had, or had in a newer version. */
  readonly fenced: number;
  /** Rows that were older than another write of their key in the same statement. */
  readonly superseded: number;
  readonly deadLetters: number;
}

/** Identifies a row across the messages that contain it. */
export const rowName = (row: Pick<JournalRow, 'key' | 'version'>): string => `${row.version} ${row.key}`;

/**
 * Saves rows of one entity: coalesces them, saves them in one statement, and settles the cache after the commit. A row
 * that can never be saved becomes a dead letter, and the next older write of its key takes its place. A row is done only
 * when all of this has happened.
 *
 * Almost every row has a plain value and is saved. It stays the object that it was in the message: a second object per
 * row would live as long as the statement, and collecting those costs more than everything else here.
 */
export class BatchSave {
  readonly #later: JournalRow[] = [];
  readonly #saved: JournalRow[] = [];
  /** Claim checks of the finished rows. */
  readonly #claims: Claim[] = [];
  /** By key, newest first: the writes that the newest write of the key supersedes. */
  #older: Coalesced['older'] = new Map();
  /** Writes to save next, because the newer write of their key became a dead letter. */
  #next: JournalRow[] = [];
  #error: Error | undefined;
  #fenced = 0;
  #superseded = 0;
  #deadLetters = 0;
  #batch: readonly AttemptedRows[] = [];
  /** A greater version comes from a wrong clock. */
  readonly #newest: Version;

  constructor(
    private readonly entity: StoredEntity<unknown>,
    private readonly ports: BatchSavePorts,
  ) {
    this.#newest = newestBy(ports.clock.now(), ports.clockBoundMs);
  }

  /** Never throws. */
  async run(batch: readonly AttemptedRows[]): Promise<BatchSaveReport> {
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

  /** Fetches the value of a claim check. Returns nothing if the write became a dead letter or must be tried again. */
  async #prepare(write: JournalRow): Promise<WriteRow | undefined> {
    const { key, version } = write;
    try {
      const value = isPlain(write) ? write.value : await this.ports.journal.readClaim(write.value as Claim);
      if (version > this.#newest) {
        await this.#toDeadLetter(
          write,
          'clock',
          'The version of the write is in the future; check the clock of Redis',
          value,
        );
        return undefined;
      }
      if (typeof value === 'string' && isJson(value)) return { key, version, value };
      // A blob is deleted when its write is done, so this is probably a repeat: ask the store.
      const stored = (await this.entity.store.loadMany([key])).get(key)?.version ?? NO_VERSION;
      if (isNewer(version, stored)) {
        await this.#toDeadLetter(write, 'claim', 'The blob with the value is gone or is not JSON', value);
      } else {
        await this.#settle([write], [{ key, version: stored }]);
      }
    } catch (thrown) {
      this.#tryLater(write, thrown);
    }
    return undefined;
  }

  /** `rows[i]` is the row of `writes[i]`. */
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

  /** `stored[i]` is the stored version of `writes[i]`: the write itself if it was saved. */
  async #settle(writes: readonly JournalRow[], stored: readonly StoredVersion[]): Promise<void> {
    const { ttlSeconds = DEFAULT_OPTIONS.ttlSeconds, graceSeconds = 0 } = this.entity;
    try {
      await this.ports.fence.settle(stored, { ttlSeconds, graceSeconds });
    } catch (thrown) {
      // Saved, but not settled in the cache. The next try is refused by the fence and settles it.
      for (const write of writes) this.#tryLater(write, thrown);
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
    // No store will ever take text that is not JSON.
    if (!(isPermanentStoreError(error) || (value !== null && !isJson(value)))) return this.#tryLater(write, error);
    try {
      await this.#toDeadLetter(write, 'refused', error.message, value);
    } catch (thrown) {
      this.#tryLater(write, thrown);
    }
  }

  /** Turns the newest write of a key into a dead letter; the next older write takes its place. */
  async #toDeadLetter(write: JournalRow, reason: DeadLetterReason, error: string, payload: string | null | undefined) {
    const { key, version, acceptedAt } = write;
    const tries = this.#batch.find(({ rows }) => rows.some((row) => rowName(row) === rowName(write)))?.attempts ?? 0;
    await this.ports.deadLetters.put({
      kind: 'write',
      entity: this.entity.name,
      key,
      version,
      acceptedAt,
      reason,
      error,
      payload,
      attempts: tries + 1,
    });
    await this.ports.fence.discard(key, version);
    this.#deadLetters++;
    this.#done(write);
    const [next, ...older] = this.#older.get(key) ?? [];
    if (!next) return;
    this.#older.set(key, older);
    this.#next.push(next);
  }

  /** Finishes the write and the older writes of its key. */
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

  #tryLater(write: JournalRow, thrown: unknown): void {
    this.#later.push(write, ...(this.#older.get(write.key) ?? []));
    this.#error ??= coerceError(thrown);
  }
}

const isPlain = (row: JournalRow): row is JournalRow & WriteRow => !isClaim(row.value);
