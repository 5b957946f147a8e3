import { AsyncResource } from 'node:async_hooks';
import type { StoredEntity } from '../../entities/define-entity';
import type { JournalRow } from '../journal/journal-message';
import { type AttemptedRows, BatchSave, type BatchSavePorts, type BatchSaveReport, rowName } from './batch-save';

/** Rows and bytes of one statement. Above 2,000 rows a statement takes longer and is hardly faster per row. */
const STATEMENT_ROWS = 1_600;
const STATEMENT_BYTES = 8 * 1024 * 1024;
/** Statements of an entity that run at once: Node prepares the next while the database works. */
const STATEMENTS = 3;

interface Share extends AttemptedRows {
  readonly bytes: number;
  /** The context of the invocation. A statement runs in that of its first one, so that its log lines have an owner. */
  readonly scope: AsyncResource;
  readonly resolve: (report: BatchedReport) => void;
}

/** The result of one invocation's rows. */
export interface BatchedReport extends Pick<BatchSaveReport, 'later' | 'error'> {
  /** The statement's report. Only the first invocation of a statement gets it, so that sums are correct. */
  readonly statement: BatchSaveReport | undefined;
}

/**
 * The invocations of a process share statements: rows that arrive while statements run gather for the next one. The host
 * runs up to 24 invocations at once, and one statement with all their rows costs little more than one with a few.
 */
export class StatementBatcher {
  #shares: Share[] = [];
  #running = 0;
  #scheduled = false;

  constructor(
    private readonly entity: StoredEntity<unknown>,
    private readonly ports: BatchSavePorts,
  ) {}

  save(rows: readonly JournalRow[], attempts: number): Promise<BatchedReport> {
    return new Promise((resolve) => {
      const bytes = rows.reduce((sum, row) => sum + bytesOf(row), 0);
      this.#shares.push({ rows, attempts, bytes, scope: new AsyncResource('SaveRows'), resolve });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // The host starts invocations one after the other: wait until all of this turn have arrived.
      setImmediate(() => {
        this.#scheduled = false;
        this.#start();
      });
    });
  }

  #start(): void {
    while (this.#running < STATEMENTS && this.#shares.length > 0) void this.#run(this.#take());
  }

  #take(): Share[] {
    let rows = 0;
    let bytes = 0;
    let count = 0;
    for (const share of this.#shares) {
      if (count > 0 && (rows + share.rows.length > STATEMENT_ROWS || bytes + share.bytes > STATEMENT_BYTES)) break;
      rows += share.rows.length;
      bytes += share.bytes;
      count++;
    }
    return this.#shares.splice(0, count);
  }

  async #run(shares: readonly Share[]): Promise<void> {
    this.#running++;
    const { scope } = shares[0] as Share;
    const report = await scope.runInAsyncScope(() => new BatchSave(this.entity, this.ports).run(shares));
    const later = new Set(report.later.map(rowName));
    for (const [at, share] of shares.entries()) {
      share.resolve({
        later: later.size === 0 ? [] : share.rows.filter((row) => later.has(rowName(row))),
        error: report.error,
        statement: at === 0 ? report : undefined,
      });
    }
    this.#running--;
    this.#start();
  }
}

const bytesOf = ({ value }: JournalRow): number =>
  value === null ? 0 : typeof value === 'string' ? value.length : value.bytes;
