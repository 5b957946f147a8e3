import { type Clock, HOUR, MINUTE } from '../../clock';
import { coerceError, errorCode } from '../../errors';
import type { JobReport } from '../../job';
import type { Logger } from '../../logger';
import { parseInfo, type RedisHandle, type RedisNode, readCounters } from '../../redis';
import type { StorageClients } from '../../storage/clients';
import type { PlatformMetrics } from '../azure/azure-monitor';
import type { JobState } from '../jobs';
import { growth } from '../samples/deltas';
import { maintain, type Retention } from '../samples/roll-up';
import { type Baseline, type SampleBatch, type SampleStore, seriesKey } from '../samples/sample-store';
import { readAppCounters, readQueues } from './app-reading';
import { type NodeLimits, readNode } from './node-reading';
import { runProbes } from './probes';

export interface CollectorOptions {
  readonly redis: RedisHandle;
  readonly store: SampleStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The label `cache` of every sample. */
  readonly cache: string;
  readonly retention: Retention;
  readonly limits?: NodeLimits;
  /** Queues to measure, by purpose, with their names in the storage account. Needs `storage`. */
  readonly queues?: Readonly<Record<string, string>>;
  readonly storage?: StorageClients;
  /** Counts the dead letters. */
  readonly deadLetters?: () => Promise<number>;
  /** How each job is, by the record of its runs. */
  readonly jobs?: () => Promise<readonly JobState[]>;
  readonly platform?: PlatformMetrics | undefined;
  /** Called with every collection, for OpenTelemetry. */
  readonly observe?: (batches: readonly SampleBatch[]) => void;
  /** How long one node, or the storage account, may take, in ms. Default: 5000. */
  readonly deadlineMs?: number;
}

export interface Collector {
  /** Takes the sample of the tick `at`; a second call for the same tick does nothing. */
  collect(at: Date): Promise<JobReport>;
}

/** A tick further in the past than this means that the clock was set back, not that the call was repeated. */
const CLOCK_JUMP = 2 * MINUTE;

type Collected = { readonly batch: SampleBatch; readonly baseline: Baseline; readonly up: boolean };

export function createCollector(options: CollectorOptions): Collector {
  const { redis, store, clock, logger, cache } = options;
  const deadlineMs = options.deadlineMs ?? 5_000;
  /** By identity: a replaced server is probed again. */
  const refused = new Map<string, Set<string>>();
  let maintained = 0;

  async function node(target: RedisNode, at: number, previous: Baseline | undefined): Promise<Collected> {
    const source = target.address;
    const labels = { cache, node: source };
    try {
      const asked = performance.now();
      const info = parseInfo(String(await redis.within(target.client.info('all'), { deadlineMs })));
      const seconds = (performance.now() - asked) / 1_000;
      const readAt = clock.now();
      const reading = readNode(info, options.limits ?? {}, readAt);
      const known = refused.get(reading.identity) ?? new Set<string>();
      refused.set(reading.identity, known);
      const probed = await redis
        .within(runProbes(target.client, info, known, previous?.readAt ?? readAt - MINUTE), { deadlineMs })
        .catch((error: unknown) => {
          const message = 'optional probes failed; this sample holds the fields of INFO only';
          logger.warn({ node: source, code: errorCode(error) }, message);
          return { gauges: {}, counters: {}, unsupported: [] };
        });
      for (const probe of probed.unsupported) {
        known.add(probe);
        logger.info({ node: source, probe }, 'the server does not support this probe; it is not sent again');
      }
      const counters = { ...reading.counters, ...probed.counters };
      const grown = growth(previous, { source, at, readAt, identity: reading.identity, counters });
      const gauges = { ...reading.gauges, ...probed.gauges, redis_info_seconds: seconds };
      const values: Record<string, number> = { ...gauges, ...grown.deltas };
      if (grown.deltas) {
        values.redis_interval_seconds = grown.seconds;
        const keys = Object.entries(gauges).reduce(
          (sum, [key, n]) => (key.startsWith('redis_keys|') ? sum + n : sum),
          0,
        );
        const evicted = grown.deltas.redis_evicted_keys;
        if (evicted !== undefined) values.redis_evicted_share = evicted === 0 ? 0 : evicted / (keys + evicted);
      }
      return { batch: { at, source, labels, info: reading.info, values }, baseline: grown.baseline, up: true };
    } catch (error) {
      const message = 'a node does not answer INFO; its sample has redis_up = 0';
      logger.warn({ node: source, code: errorCode(error), error: coerceError(error).message }, message);
      return down(source, labels, at, previous);
    }
  }

  async function app(at: number, previous: Baseline | undefined): Promise<Collected | undefined> {
    const gauges: Record<string, number> = {};
    let counters: Record<string, number> = {};
    const attempts = await Promise.allSettled([
      redis.within(readCounters(redis), { deadlineMs }).then((fields) => {
        const reading = readAppCounters(fields);
        counters = reading.counters;
        Object.assign(gauges, reading.gauges);
      }),
      options.storage && options.queues
        ? readQueues(options.storage, options.queues, clock.now()).then((depths) => Object.assign(gauges, depths))
        : undefined,
      options.deadLetters?.().then((count) => Object.assign(gauges, { steward_dead_letters: count })),
      options.jobs?.().then((states) => Object.assign(gauges, jobGauges(states))),
    ]);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') {
        const message = 'some of the app’s own metrics could not be read; they are missing in this sample';
        logger.warn({ code: errorCode(attempt.reason) }, message);
      }
    }
    // Counters that could not be read keep their baseline, so that their growth is counted later.
    if (attempts[0]?.status === 'rejected') counters = { ...previous?.counters };
    const reading = { source: 'app', at, readAt: clock.now(), identity: 'app', counters };
    const grown = growth(previous, reading);
    const values = { ...gauges, ...grown.deltas };
    return { batch: { at, source: 'app', labels: { cache }, info: {}, values }, baseline: grown.baseline, up: true };
  }

  async function nodes(baselines: readonly Baseline[]): Promise<readonly (RedisNode | string)[]> {
    try {
      return await redis.within(redis.nodes('all'), { deadlineMs });
    } catch (error) {
      const message = 'the nodes of Redis could not be listed; the known ones are reported as down';
      logger.warn({ code: errorCode(error) }, message);
      const known = baselines.map(({ source }) => source).filter((source) => source.includes(':'));
      return known.length > 0 ? known : ['unknown:0'];
    }
  }

  async function platform(at: number): Promise<readonly SampleBatch[]> {
    if (!options.platform) return [];
    try {
      return await options.platform.read(at);
    } catch (error) {
      const message = 'platform metrics could not be read; the next collection reads the last ten minutes again';
      logger.warn({ code: errorCode(error), error: coerceError(error).message }, message);
      return [];
    }
  }

  return {
    collect: async (tick) => {
      const at = tick.getTime();
      const baselines = await store.baselines(at);
      const previous = (source: string) => baselines.find((baseline) => baseline.source === source);
      const done = (source: string) => {
        const last = previous(source)?.at ?? Number.NEGATIVE_INFINITY;
        return last >= at && last - at < CLOCK_JUMP;
      };
      const targets = (await nodes(baselines)).filter((it) => !done(typeof it === 'string' ? it : it.address));
      const [collected, own, azure] = await Promise.all([
        Promise.all(
          targets.map((target) =>
            typeof target === 'string'
              ? down(target, { cache, node: target }, at, previous(target))
              : node(target, at, previous(target.address)),
          ),
        ),
        done('app') ? undefined : app(at, previous('app')),
        platform(at),
      ]);
      const all = own ? [...collected, own] : collected;
      const batches = [...all.map(({ batch }) => batch), ...azure];
      await store.write(
        batches,
        all.map(({ baseline }) => baseline),
      );
      options.observe?.(batches);
      const { rolled, pruned } = await maintainHourly(at);
      const up = collected.filter((it) => it.up).length;
      return {
        summary: `${up} of ${collected.length} nodes answered, ${batches.length} batches stored`,
        figures: { nodes: collected.length, down: collected.length - up, batches: batches.length, rolled, pruned },
        ...(collected.length > 0 && up === 0 && { failedWith: 'E_REDIS_UNAVAILABLE' }),
      };
    },
  };

  async function maintainHourly(at: number): Promise<{ rolled: number; pruned: number }> {
    const hour = Math.floor(at / HOUR);
    if (hour === maintained) return { rolled: 0, pruned: 0 };
    const result = await maintain(store, options.retention, at);
    maintained = hour;
    return result;
  }
}

/** The sample of a node that does not answer: `up` is 0. Its counters keep their baseline. */
function down(source: string, labels: SampleBatch['labels'], at: number, previous: Baseline | undefined): Collected {
  const baseline = previous ? { ...previous, at } : { source, at, readAt: 0, identity: '', counters: {}, totals: {} };
  return { batch: { at, source, labels, info: {}, values: { redis_up: 0 } }, baseline, up: false };
}

const jobGauges = (states: readonly JobState[]): Record<string, number> =>
  Object.fromEntries(
    states.flatMap(({ job, isOverdue, ageSeconds }) => [
      [seriesKey('steward_job_overdue', { job }), isOverdue ? 1 : 0],
      [seriesKey('steward_job_success_age_seconds', { job }), ageSeconds],
    ]),
  );
