import type { Clock } from '../../clock';
import { errorCode } from '../../errors';
import type { JobReport } from '../../job';
import { counted } from '../../plural';
import type { Counters } from '../../redis/counters';
import type { BatchSaveReport } from './batch-save';

/** Bounds of the lag histogram, in ms: `write_behind_lag_bucket|le=...` counts rows up to it and beyond the one below. */
export const LAG_BUCKETS_MS = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000];

/** Gathers what one flush did, into the app's counters and its report. */
export function createFlushTally(counters: Counters, clock: Clock) {
  const sums = { saved: 0, superseded: 0, fenced: 0, deadLetters: 0, held: 0, statements: 0 };
  let lagMs = 0;

  return {
    statement(entity: string, report: BatchSaveReport): void {
      const now = clock.now();
      let lagSum = 0;
      const buckets = new Array<number>(LAG_BUCKETS_MS.length + 1).fill(0);
      for (const row of report.saved) {
        const lag = Math.max(0, now - row.acceptedAt);
        lagSum += lag;
        lagMs = Math.max(lagMs, lag);
        let at = 0;
        while (lag > (LAG_BUCKETS_MS[at] ?? Number.POSITIVE_INFINITY)) at++;
        buckets[at] = (buckets[at] ?? 0) + 1;
      }
      for (const [at, count] of buckets.entries()) {
        const le = String(LAG_BUCKETS_MS[at] ?? 'Inf');
        if (count > 0) counters.add('write_behind_lag_bucket', { entity, le }, count);
      }
      counters.add('write_behind_lag_ms', { entity }, lagSum);
      counters.add('write_behind_statements', { entity });
      counters.add('write_behind_saved', { entity }, report.saved.length);
      if (report.superseded > 0) counters.add('write_behind_superseded', { entity }, report.superseded);
      if (report.fenced > 0) counters.add('write_behind_fenced', { entity }, report.fenced);
      if (report.later.length > 0) counters.add('write_behind_put_back', { entity }, report.later.length);
      sums.saved += report.saved.length;
      sums.superseded += report.superseded;
      sums.fenced += report.fenced;
      sums.deadLetters += report.deadLetters;
      sums.statements++;
    },

    deadLetters(count: number): void {
      sums.deadLetters += count;
    },

    /** Counts rows or messages that wait for a deployment that knows them. */
    held(what: 'entity' | 'format', count: number): void {
      counters.add('write_behind_held', { what }, count);
      sums.held += count;
    },

    /** `error`: why rows were put back. */
    report(rows = 0, putBack = 0, error?: Error): JobReport {
      const parts = [
        rows > 0 && sums.statements === 0 && putBack === 0 && sums.held === 0
          ? `${counted(rows, 'write')} saved by another run, in one statement with its own`
          : '',
        sums.statements > 0 ? `saved ${counted(sums.saved, 'write')}` : '',
        sums.superseded > 0 ? `${sums.superseded} superseded` : '',
        sums.fenced > 0 ? `${sums.fenced} already newer in the store` : '',
        putBack > 0 ? `${putBack} put back for later` : '',
        sums.held > 0 ? `${sums.held} held for a deployment that knows them` : '',
        sums.deadLetters > 0 ? counted(sums.deadLetters, 'dead letter') : '',
      ].filter(Boolean);
      const lag = sums.saved > 0 ? `, ${Math.round(lagMs)} ms after they were accepted` : '';
      return {
        summary: `${parts.join(', ') || 'nothing to save'}${lag}`,
        figures: { rows, ...sums, putBack, lagMs: Math.round(lagMs) },
        ...(putBack > 0 && putBack === rows - sums.held && { failedWith: errorCode(error) }),
      };
    },
  };
}
