import { HOUR } from '../../clock';
import { fitLine } from '../../least-squares';
import type { JobState } from '../jobs';
import { type SampleBatch, seriesIn, sumOf } from '../samples/sample-store';

/** Growth of a counter over batches by one label, with other labels fixed. */
export function grownBy(
  batches: readonly SampleBatch[],
  metric: string,
  by: string,
  where: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const batch of batches) {
    for (const { labels, value } of seriesIn(batch, metric)) {
      if (Object.entries(where).some(([name, wanted]) => labels[name] !== wanted)) continue;
      const name = labels[by] ?? 'all';
      sums.set(name, (sums.get(name) ?? 0) + sumOf(value));
    }
  }
  return sums;
}

export interface EntityRow {
  readonly entity: string;
  readonly reads: number;
  /** Share of the reads that did not have to load. */
  readonly hitRate: number | null;
  readonly stale: number;
  readonly loadMs: number | null;
  readonly loadErrors: number;
}

/** The library's figures for each entity. */
export function entityRows(batches: readonly SampleBatch[]): readonly EntityRow[] {
  const of = (metric: string) => grownBy(batches, `steward_cache_${metric}`, 'entity');
  const [hits, local, misses, stale] = [of('hits'), of('local_hits'), of('misses'), of('stale')];
  const [loads, loadMs, errors] = [of('loads'), of('load_ms'), of('load_errors')];
  const entities = new Set([...hits.keys(), ...local.keys(), ...misses.keys()]);
  return [...entities]
    .map((entity) => {
      const found = (hits.get(entity) ?? 0) + (local.get(entity) ?? 0);
      const reads = found + (misses.get(entity) ?? 0);
      const loaded = loads.get(entity) ?? 0;
      return {
        entity,
        reads,
        hitRate: reads === 0 ? null : found / reads,
        stale: stale.get(entity) ?? 0,
        loadMs: loaded === 0 ? null : (loadMs.get(entity) ?? 0) / loaded,
        loadErrors: errors.get(entity) ?? 0,
      };
    })
    .sort((a, b) => b.reads - a.reads);
}

export interface JobRow {
  readonly job: string;
  /** Null if no sample counted a run. */
  readonly runs: number | null;
  /** Null if the samples do not know: they count in Redis, so a failure without Redis is only in the record of runs. */
  readonly failures: number | null;
  readonly meanMs: number | null;
  /** By the record of runs, in ms since 1970. */
  readonly lastSuccess: number | null;
  readonly lastFailure: number | null;
  readonly isOverdue: boolean;
}

/** What the samples counted, and what the record of runs says of each job. */
export function jobRows(batches: readonly SampleBatch[], states: readonly JobState[] = []): readonly JobRow[] {
  const ok = grownBy(batches, 'steward_job_runs', 'job', { outcome: 'ok' });
  const failed = grownBy(batches, 'steward_job_runs', 'job', { outcome: 'failed' });
  const ms = grownBy(batches, 'steward_job_ms', 'job');
  const names = new Set([...ok.keys(), ...failed.keys(), ...states.map(({ job }) => job)]);
  const first = batches.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
  return [...names].sort().map((job) => {
    const isCounted = ok.has(job) || failed.has(job);
    const runs = isCounted ? (ok.get(job) ?? 0) + (failed.get(job) ?? 0) : null;
    const failures = isCounted ? (failed.get(job) ?? 0) : null;
    const state = states.find((each) => each.job === job);
    const lastFailure = state?.failedAt ?? null;
    const isMissed = failures === 0 && lastFailure !== null && lastFailure >= first;
    return {
      job,
      runs,
      failures: isMissed ? null : failures,
      meanMs: runs === null || runs === 0 ? null : (ms.get(job) ?? 0) / runs,
      lastSuccess: state?.succeededAt ?? null,
      lastFailure,
      isOverdue: state?.isOverdue ?? false,
    };
  });
}

export interface CommandRow {
  readonly command: string;
  readonly calls: number;
  readonly meanMs: number;
  /** Share of the time of all commands. */
  readonly share: number;
}

/** The commands that took the most time of the servers. */
export function commandRows(batches: readonly SampleBatch[], most: number): readonly CommandRow[] {
  const calls = grownBy(batches, 'redis_command_calls', 'command');
  const seconds = grownBy(batches, 'redis_command_seconds', 'command');
  const total = [...seconds.values()].reduce((sum, value) => sum + value, 0);
  return [...seconds]
    .filter(([command]) => (calls.get(command) ?? 0) > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([command, spent]) => {
      const count = calls.get(command) ?? 0;
      return { command, calls: count, meanMs: (spent / count) * 1_000, share: total === 0 ? 0 : spent / total };
    });
}

/**
 * When memory reaches its limit if it keeps growing as in these values; null if it does not grow, or not within 30 days.
 * `values` are `stepMs` apart.
 */
export function fullAt(values: readonly (number | null)[], limit: number, stepMs: number, now: number): number | null {
  const points = values.flatMap((value, index) => (value === null ? [] : [[index, value] as const]));
  if (points.length < 3 || limit <= 0) return null;
  const line = fitLine(points);
  if (line === undefined || !(line.slope > 0)) return null;
  const ms = ((limit - line.at(values.length - 1)) / line.slope) * stepMs;
  return ms > 30 * 24 * HOUR ? null : now + Math.max(0, ms);
}
