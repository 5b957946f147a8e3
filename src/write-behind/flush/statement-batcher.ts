import type { StoredEntity } from '../../entities/define-entity';
import type { JournalRow } from '../journal/journal-message';
import { type Attempted, Commit, type CommitPorts, type CommitReport, rowName } from './batch-save';

/** Rows and bytes of one statement. Beyond 2,000 rows a statement is hardly faster, only longer. */
const STATEMENT_ROWS = 1_600;
const STATEMENT_BYTES = 8 * 1024 * 1024;
/** Statements of an entity under way at once: while the database works on one, the next is written. */
const STATEMENTS = 3;

interface Share extends Attempted {
  readonly bytes: number;
  readonly resolve: (report: SharedReport) => void;
}

/** What became of one invocation's rows. */
export interface SharedReport {
  readonly later: readonly JournalRow[];
  readonly error: Error | undefined;
  /** Of the statement, and only for the first of those that shared it, so that sums are right. */
  readonly statement: CommitReport | undefined;
}

/**
 * Lets the invocations of a process share statements: rows that come while statements are under way gather for the
 * next. The host runs two dozen invocations at once, and one statement of all their rows costs little more than one
 * of theirs.
 */
export class SharedCommits {
  #shares: Share[] = [];
  #running = 0;
  #scheduled = false;

  constructor(
    private readonly entity: StoredEntity<unknown>,
    private readonly ports: CommitPorts,
  ) {}

  commit(rows: readonly JournalRow[], attempts: number): Promise<SharedReport> {
    return new Promise((resolve) => {
      this.#shares.push({ rows, attempts, bytes: rows.reduce((sum, row) => sum + bytesOf(row), 0), resolve });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Invocations that arrive together are started in turn: let them all come first.
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
    const report = await new Commit(this.entity, this.ports).run(shares);
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
