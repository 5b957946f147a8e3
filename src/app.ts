import { createAlerts, firingsOf } from './alerting';
import { type ClientOptions, createClient } from './client';
import { SECOND, systemClock } from './clock';
import { examineRedis, examineServices } from './doctor';
import { createSweeps, openRecords, readCensus } from './hygiene';
import { type JobName, triggersOf } from './job';
import {
  createCollector,
  createJobRuns,
  createOtelObserver,
  createPlatformMetrics,
  createReport,
  createTableSampleStore,
  latestBatches,
  readHealth,
  readJobStates,
  renderPrometheus,
} from './monitoring';
import { createPages, healthPages, json, type Page } from './pages';
import { redisHost } from './redis';
import { createRefresher, createRefreshPlanner } from './refresh-ahead';
import { createSelfCheck } from './self-check';
import { SessionCore } from './sessions';
import { maskSecrets } from './settings';
import { namesStorage, StorageSettingsError } from './storage/clients';
import { settledWithin, withTimeout } from './timeout';
import { createPoisonDrain, type Delivery, readBacklog } from './write-behind';

/** Everything the functions delegate to. A job's name is its function's name. */
export type App = ReturnType<typeof createApp>;

export type AppOptions = Required<Pick<ClientOptions, 'settings' | 'entities' | 'logger'>>;

/** The platform gives the end of a process 5 s, whatever still runs. */
const END_MS = 4.5 * SECOND;
const SWEEPS_END_MS = 1.5 * SECOND;
const FLUSHES_END_MS = SECOND;
/** How long `health` waits for what is only good to know. */
const HEALTH_MS = 3 * SECOND;

/** The composition root of the jobs: settings in, every service out. Built once a process; nothing connects here. */
export function createApp({ settings, entities, logger }: AppOptions) {
  if (!namesStorage(settings)) throw new StorageSettingsError();
  const patient = { ...settings, REDIS_DEADLINE_MS: settings.REDIS_JOB_DEADLINE_MS };
  const client = createClient({ settings: patient, entities, logger, role: 'jobs' });
  const { redis, storage, counters, cache, fence, journal, deadLetters, flusher } = client;
  const clock = systemClock;
  const shared = { redis, storage, settings, counters, logger, clock, entities: client.entities };

  const queues = {
    'write-behind': settings.WRITE_BEHIND_QUEUE,
    'refresh-ahead': settings.REFRESH_AHEAD_QUEUE,
    sweep: settings.SWEEP_QUEUE,
    'alert-notifications': settings.ALERT_QUEUE,
  };
  const poison = createPoisonDrain({
    ...shared,
    ...{ journal, deadLetters, fence },
    queues: {
      writeBehind: settings.WRITE_BEHIND_QUEUE,
      others: [settings.REFRESH_AHEAD_QUEUE, settings.SWEEP_QUEUE, settings.ALERT_QUEUE],
    },
  });
  const planner = createRefreshPlanner(shared);
  const refresher = createRefresher({ ...shared, cache });
  const sweeps = createSweeps({ ...shared, prefixes: settings.CACHE_PREFIXES });
  const samples = createTableSampleStore({ storage });
  const runs = createJobRuns({ storage, clock, logger });
  const jobs = () => readJobStates({ runs, triggers: triggersOf(settings), storage, clock });
  const platform = createPlatformMetrics({ settings });
  const collector = createCollector({
    ...{ redis, storage, clock, logger, queues },
    store: samples,
    cache: settings.CACHE_NAME,
    platform,
    observe: createOtelObserver(),
    jobs,
    deadLetters: async () => (await deadLetters.list({ limit: 1_000 })).length,
    limits: { maxClients: settings.REDIS_MAX_CLIENTS, maxMemoryBytes: settings.REDIS_MAX_MEMORY_BYTES },
    retention: {
      minute: settings.SAMPLES_MINUTE_DAYS,
      hour: settings.SAMPLES_HOUR_DAYS,
      day: settings.SAMPLES_DAY_DAYS,
    },
  });

  const alerts = createAlerts({ ...shared, samples });
  const census = () => readCensus(openRecords(storage));
  const report = createReport({
    ...{ storage, census, store: samples, cache: settings.CACHE_NAME },
    alerts: async () => firingsOf(await alerts.state()),
  });
  const pages = createPages({
    ...{ clock, samples, alerts, sweeps, census, jobs, deadLetters, journal },
    cache: settings.CACHE_NAME,
  });

  /** Fails at once if nothing listens: the other clients repeat a request for longer than `health` waits. */
  const reachStorage = async () => (await storage.queue(settings.WRITE_BEHIND_QUEUE, 'once')).getProperties();

  return {
    flushWrites: (message: unknown, delivery: Delivery) => flusher.flush(message, delivery),
    drainPoison: () => poison.drain(),
    planRefreshes: (at: Date) => planner.plan(at),
    refreshEntries: (message: unknown) => refresher.refresh(message),
    planSweep: (at: Date) => sweeps.plan(at),
    sweepShard: (message: unknown) => sweeps.workItem(message),
    collectMetrics: (at: Date) => collector.collect(at),
    evaluateAlerts: (at: Date) => alerts.evaluate(at),
    notifyAlerts: (message: unknown) => alerts.notify(message),
    reportPerformance: (at: Date) => report.write(at),
    ...healthPages(async () => {
      const progress = sweeps.progress();
      const [health, passes] = await Promise.all([
        readHealth({
          ...{ redis, jobs, mask: maskSecrets },
          blobs: () => Promise.all([progress, reachStorage()]),
          database: settings.DATABASE_URL ? () => client.pool.query('select 1') : undefined,
          backlog: () => readBacklog(journal, clock),
          oldestWriteSeconds: settings.WRITE_BEHIND_SOFT_AGE_SECONDS,
        }),
        // The progress of sweeps is informative. It never makes the app unready.
        withTimeout(progress, HEALTH_MS, () => new Error()).catch(() => []),
      ]);
      return { ...health, sweeps: passes.map(({ last: _, ...progress }) => progress) };
    }),
    async metrics(): Promise<Page> {
      const [batches, baselines] = await Promise.all([
        latestBatches(samples, clock.now()),
        samples.baselines(clock.now()),
      ]);
      return {
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: renderPrometheus(batches, baselines),
      };
    },
    /** The page; with a range, the figures it draws. */
    dashboard: (range: string | null) => pages.dashboard(range),
    /** What an administrator changes from the page. */
    dashboardAction: (body: unknown) => pages.dashboardAction(body),
    async selfCheck(): Promise<Page> {
      const sessions = new SessionCore({ redis });
      const examine = async () =>
        (
          await Promise.all([
            examineRedis(redis, HEALTH_MS),
            examineServices({ settings, storage, platform, pool: client.pool }),
          ])
        ).flat();
      const report = await createSelfCheck({ host: redisHost(settings), cache, sessions, examine }).run();
      return json(report.ok ? 200 : 503, report);
    },
    /**
     * Counts a run, remembers how it ended and sends both: on Flex Consumption the process may be gone a moment later.
     * `failedWith` is the code of the error that ended it.
     */
    async jobEnded(job: JobName, ms: number, failedWith?: string): Promise<void> {
      counters.add('job_runs', { job, outcome: failedWith === undefined ? 'ok' : 'failed' });
      counters.add('job_ms', { job }, ms);
      await Promise.all([counters.flush(), runs.note(job, failedWith)]);
    },
    /** Hands over what runs, then closes every connection: within 5 s, whatever does not answer. Never rejects. */
    async close(): Promise<void> {
      const until = performance.now() + END_MS;
      // First what others wait for: the next work item of a sweep, then accepted writes.
      await settledWithin(sweeps.close(), SWEEPS_END_MS);
      const closing = client.close({ flushesEndMs: FLUSHES_END_MS });
      await settledWithin(closing, until - performance.now());
    },
  };
}
