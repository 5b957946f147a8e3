import type { Fence } from '../cache/fence';
import type { Clock } from '../clock';
import type { StoredEntity } from '../entities/define-entity';
import type { SaveOutcome, WriteRow } from '../entities/store';
import { isNewer, NO_VERSION, newestBy, type Version } from '../entities/version';
import { coerceError } from '../errors';
import { coalesce, type KeyWrites } from './coalesce';
import type { DeadLetterReason } from './dead-letter';
import type { DeadLetters } from './dead-letters';
import type { JournalConsumer } from './journal';
import { type Claim, isJson, type JournalRow } from './message';
import { saveRows } from './save-rows';

export interface CommitPorts {
  readonly fence: Pick<Fence, 'settle' | 'discard'>;
  readonly journal: Pick<JournalConsumer, 'readClaim' | 'dropClaims'>;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly clock: Clock;
  /** How far ahead of the clock a version may be, in ms. */
  readonly clockBoundMs: number;
}

/** A row on its way, with how often it was tried before. */
export interface Attempted {
  readonly row: JournalRow;
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

/** The newest write of a key with its value at hand, ready for the statement. */
interface Candidate {
  readonly writes: KeyWrites;
  readonly row: WriteRow;
}

export const DEFAULT_TTL_SECONDS = 3_600;

/** Names a row across the messages that hold it. */
export const rowName = (row: Pick<JournalRow, 'key' | 'version'>): string => `${row.version} ${row.key}`;

/**
 * Carries rows of one entity into its store, to the end: coalesced, saved in one statement, the cache converged after
 * the commit, what can never be saved put aside with the next older write of its key in its place. A row is done only
 * when all of that is.
 */
export class Commit {
  readonly #later: JournalRow[] = [];
  readonly #saved: JournalRow[] = [];
  readonly #done: JournalRow[] = [];
  /** Keys whose newest write was put aside: their next older one is up. */
  #open: KeyWrites[] = [];
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
    this.#open = coalesce(batch.map(({ row }) => row));
    while (this.#open.length > 0) {
      const round = this.#open;
      this.#open = [];
      const candidates: Candidate[] = [];
      for (const writes of round) {
        const { key, version, value } = writes.writes[0] as JournalRow;
        const isPlain = !isClaim(value) && version <= this.#newest;
        const candidate = isPlain ? { writes, row: { key, version, value } } : await this.#prepare(writes);
        if (candidate) candidates.push(candidate);
      }
      if (candidates.length > 0) await this.#save(candidates);
    }
    await this.ports.journal.dropClaims(this.#done.map((row) => row.value).filter(isClaim));
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
  async #prepare(writes: KeyWrites): Promise<Candidate | undefined> {
    const { key, version, value: claim } = writes.writes[0] as JournalRow;
    try {
      const value = isClaim(claim) ? await this.ports.journal.readClaim(claim) : claim;
      if (version > this.#newest) {
        await this.#putAside(writes, 'clock', 'The version of the write lies in the future', value);
        return undefined;
      }
      if (typeof value === 'string' && isJson(value)) return { writes, row: { key, version, value } };
      // The blob goes when its write is done: so this is most likely a repeat, and the store knows.
      const stored = (await this.entity.store.loadMany([key])).get(key)?.version ?? NO_VERSION;
      if (isNewer(version, stored)) {
        await this.#putAside(writes, 'claim', 'The blob that held the value is gone or not JSON', value);
      } else {
        const row = { key, version, value: null };
        await this.#settle([{ candidate: { writes, row }, outcome: { saved: false, storedVersion: stored } }]);
      }
    } catch (thrown) {
      this.#again(writes, thrown);
    }
    return undefined;
  }

  async #save(candidates: readonly Candidate[]): Promise<void> {
    const fates = await saveRows(
      this.entity.store,
      candidates.map(({ row }) => row),
    );
    const decided: { readonly candidate: Candidate; readonly outcome: SaveOutcome }[] = [];
    for (const [at, fate] of fates.entries()) {
      const candidate = candidates[at] as Candidate;
      const { writes, row } = candidate;
      if (fate.fate === 'decided') decided.push({ candidate, outcome: fate.outcome });
      else if (fate.fate === 'later') this.#again(writes, fate.error);
      else {
        try {
          await this.#putAside(writes, 'refused', fate.error.message, row.value);
        } catch (thrown) {
          this.#again(writes, thrown);
        }
      }
    }
    if (decided.length > 0) await this.#settle(decided);
  }

  async #settle(decided: readonly { readonly candidate: Candidate; readonly outcome: SaveOutcome }[]): Promise<void> {
    const { ttlSeconds = DEFAULT_TTL_SECONDS, graceSeconds = 0 } = this.entity;
    try {
      await this.ports.fence.settle(
        decided.map(({ candidate, outcome }) => ({ row: candidate.row, outcome, ttlSeconds, graceSeconds })),
      );
    } catch (thrown) {
      // In the store, but the cache was not told: saving again will be refused by the fence, and settle again.
      for (const { candidate } of decided) this.#again(candidate.writes, thrown);
      return;
    }
    for (const { candidate, outcome } of decided) {
      if (outcome.saved) this.#saved.push(candidate.writes.writes[0] as JournalRow);
      else this.#fenced++;
      this.#finish(candidate.writes);
    }
  }

  /** Makes a dead letter of the newest write of a key; the next older one takes its place. */
  async #putAside(
    writes: KeyWrites,
    reason: DeadLetterReason,
    error: string,
    payload: string | null | undefined,
  ): Promise<void> {
    const [newest, ...older] = writes.writes as [JournalRow, ...JournalRow[]];
    const { key, version, acceptedAt } = newest;
    const tries = this.#batch.find(({ row }) => row.key === key && row.version === version)?.attempts ?? 0;
    await this.ports.deadLetters.put({
      ...{ kind: 'write', entity: this.entity.name, key, version, acceptedAt },
      ...{ reason, error, payload, attempts: tries + 1 },
    });
    await this.ports.fence.discard(key, version);
    this.#deadLetters++;
    this.#done.push(newest);
    if (older.length > 0) this.#open.push({ key, writes: older });
  }

  #finish(writes: KeyWrites): void {
    this.#superseded += writes.writes.length - 1;
    this.#done.push(...writes.writes);
  }

  #again(writes: KeyWrites, thrown: unknown): void {
    this.#later.push(...writes.writes);
    this.#error ??= coerceError(thrown);
  }
}

const isClaim = (value: JournalRow['value']): value is Claim => typeof value === 'object' && value !== null;
