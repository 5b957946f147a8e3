import { DAY, HOUR, SECOND } from '../../clock';
import { type CensusView, type DatedCensus, dated } from '../../hygiene';
import {
  type CommandRow,
  commandRows,
  type EntityRow,
  entityRows,
  fullAt,
  grownBy,
  type JobRow,
  jobRows,
} from '../dashboard/tables';
import { lastOf, maxOf, meanOf, type SampleBatch, type SampleStore, seriesIn } from '../samples/sample-store';

/** A firing that falls at least partly into the period. Times in ms since 1970. */
export interface ReportAlert {
  readonly alert: string;
  readonly severity: string;
  readonly where: string;
  readonly firedAt: number;
  /** Null while it still fires. */
  readonly resolvedAt: number | null;
}

/** The figures that are compared with earlier periods; null if nothing was collected. */
export type ReportFigures = ReturnType<typeof figuresOf>;

export interface ReportData {
  readonly cache: string;
  /** ISO 8601; the period is `from` to `until`. */
  readonly from: string;
  readonly until: string;
  readonly now: ReportFigures;
  /** The same period a day and a week earlier. */
  readonly dayBefore: ReportFigures;
  readonly weekBefore: ReportFigures;
  readonly memoryFullAt: string | null;
  /** By hour, for the charts. */
  readonly hours: readonly ({ readonly at: string } & ReturnType<typeof chartedOf>)[];
  readonly entities: readonly EntityRow[];
  readonly commands: readonly CommandRow[];
  readonly jobs: readonly JobRow[];
  readonly alerts: readonly ReportAlert[];
  /** The newest census, independent of the period; null before the first. */
  readonly census: DatedCensus | null;
  /** What to do next, the most urgent first. */
  readonly advice: readonly string[];
}

/** Reads hours, and minutes for the time that is not rolled up yet. */
async function read(store: SampleStore, after: number, until: number): Promise<readonly SampleBatch[]> {
  const hours = await store.read({ after: after - 1, until: until - 1, resolution: 'hour' });
  const rolledUntil = Math.max(after, ...hours.map(({ at }) => at + HOUR));
  if (rolledUntil >= until) return hours;
  return [...hours, ...(await store.read({ after: Math.max(rolledUntil - 1, until - 2 * HOUR), until }))];
}

export async function collectReport(
  store: SampleStore,
  cache: string,
  at: number,
  sinceMs: number,
  { alerts, census }: { readonly alerts: readonly ReportAlert[]; readonly census: CensusView | undefined },
): Promise<ReportData> {
  const from = at - sinceMs;
  const [present, yesterday, lastWeek] = await Promise.all([
    read(store, from, at),
    read(store, from - DAY, at - DAY),
    read(store, from - 7 * DAY, at - 7 * DAY),
  ]);
  const hours = Array.from({ length: Math.ceil(sinceMs / HOUR) }, (_, index) => {
    const start = from + index * HOUR;
    const batches = present.filter((batch) => batch.at >= start && batch.at < start + HOUR);
    return { at: new Date(start).toISOString(), ...chartedOf(batches) };
  });
  const now = figuresOf(present);
  const memory = hours.map(({ memoryBytes }) => memoryBytes);
  const limit = maxIn(present, 'redis_memory_max_bytes');
  const full = limit === null ? null : fullAt(memory, limit, HOUR, at);
  const shown = alerts.filter((it) => (it.resolvedAt ?? at) >= from && it.firedAt <= at);
  const data = {
    cache,
    from: new Date(from).toISOString(),
    until: new Date(at).toISOString(),
    now,
    dayBefore: figuresOf(yesterday),
    weekBefore: figuresOf(lastWeek),
    memoryFullAt: full === null ? null : new Date(full).toISOString(),
    hours,
    entities: entityRows(present),
    commands: commandRows(present, 10),
    jobs: jobRows(present),
    alerts: shown,
    census: dated(census),
  };
  return { ...data, advice: adviceOf(data) };
}

const total = (
  batches: readonly SampleBatch[],
  metric: string,
  where: Readonly<Record<string, string>> = {},
): number | null => {
  const sums = [...grownBy(batches, metric, '', where).values()];
  return sums.length === 0 ? null : sums.reduce((sum, value) => sum + value, 0);
};

const divided = (over: number | null, under: number | null, factor = 1) =>
  over === null || !under ? null : (over / under) * factor;

function maxIn(batches: readonly SampleBatch[], metric: string): number | null {
  const values = batches.flatMap((batch) => seriesIn(batch, metric).map(({ value }) => maxOf(value)));
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
}

/** The sum over all nodes, each over its own time of observation. */
function perSecond(batches: readonly SampleBatch[], metric: string): number | null {
  let rate: number | null = null;
  for (const source of new Set(batches.map((batch) => batch.source))) {
    const own = batches.filter((batch) => batch.source === source);
    const one = divided(total(own, metric), total(own, 'redis_interval_seconds'));
    if (one !== null) rate = (rate ?? 0) + one;
  }
  return rate;
}

function hitRateOf(batches: readonly SampleBatch[]): number | null {
  const hits = total(batches, 'redis_keyspace_hits');
  const misses = total(batches, 'redis_keyspace_misses');
  return hits === null || misses === null ? null : divided(hits, hits + misses);
}

function figuresOf(batches: readonly SampleBatch[]) {
  const lag = divided(total(batches, 'steward_write_behind_lag_ms'), total(batches, 'steward_write_behind_saved'));
  return {
    hitRate: hitRateOf(batches),
    commandsPerSecond: perSecond(batches, 'redis_commands'),
    commandMs: divided(total(batches, 'redis_command_seconds'), total(batches, 'redis_command_calls'), 1_000),
    memoryShare: maxIn(batches, 'redis_memory_used_share'),
    evictedKeys: total(batches, 'redis_evicted_keys'),
    rejectedConnections: total(batches, 'redis_rejected_connections'),
    mostConnections: maxIn(batches, 'redis_clients'),
    loadMs: divided(total(batches, 'steward_cache_load_ms'), total(batches, 'steward_cache_loads')),
    writeLagSeconds: lag === null ? null : lag / SECOND,
    failedRuns: total(batches, 'steward_job_runs', { outcome: 'failed' }),
  };
}

function chartedOf(batches: readonly SampleBatch[]) {
  const newest = new Map<string, number>();
  for (const { source, values } of batches) {
    const used = values.redis_memory_used_bytes;
    if (used !== undefined) newest.set(source, typeof used === 'number' ? lastOf(used) : meanOf(used));
  }
  return {
    hitRate: hitRateOf(batches),
    memoryBytes: newest.size === 0 ? null : [...newest.values()].reduce((sum, value) => sum + value, 0),
    commandsPerSecond: perSecond(batches, 'redis_commands'),
  };
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

function adviceOf({ now, dayBefore, memoryFullAt, alerts, entities, commands }: Omit<ReportData, 'advice'>): string[] {
  const advice: string[] = [];
  const open = alerts.filter(({ resolvedAt }) => resolvedAt === null);
  if (open.length > 0)
    advice.push(
      `${open.length === 1 ? 'An alert still fires' : `${open.length} alerts still fire`}: start with ${open[0]?.alert}.`,
    );
  if ((now.rejectedConnections ?? 0) > 0)
    advice.push('Connections were refused: find the client that opens too many, or scale up.');
  if (memoryFullAt !== null)
    advice.push(
      `At this rate memory is full on ${memoryFullAt.slice(0, 10)}: shorten the TTLs of what grows, or scale up.`,
    );
  else if ((now.memoryShare ?? 0) > 0.85)
    advice.push(`Memory reached ${percent(now.memoryShare ?? 0)} of its limit: there is little room for a peak.`);
  if ((now.evictedKeys ?? 0) > 0)
    advice.push(`${now.evictedKeys} keys were evicted; if sessions share the memory, users were logged out.`);
  if (now.hitRate !== null && dayBefore.hitRate !== null && now.hitRate < dayBefore.hitRate - 0.05) {
    advice.push(`The hit rate fell from ${percent(dayBefore.hitRate)} to ${percent(now.hitRate)}: check what changed.`);
  }
  const cold = entities.find(({ hitRate, reads }) => hitRate !== null && hitRate < 0.5 && reads > 1_000);
  if (cold) advice.push(`${cold.entity} misses more often than it hits: use a longer TTL, refresh-ahead, or no cache.`);
  const slow = commands.find(({ meanMs, calls }) => meanMs > 5 && calls > 10);
  if (slow)
    advice.push(`${slow.command} takes ${slow.meanMs.toFixed(1)} ms each time: every other command waits behind it.`);
  if ((now.failedRuns ?? 0) > 0) advice.push(`${now.failedRuns} runs of jobs failed: see the table of jobs.`);
  return advice.length > 0 ? advice : ['Nothing needs to be done.'];
}
