import type { Clock } from '../../clock';
import { type CensusView, type DatedCensus, dated } from '../../hygiene';
import type { JobReport } from '../../job';
import type { JobState } from '../jobs';
import { lastOf, latestBatches, type SampleBatch, type SampleStore } from '../samples/sample-store';
import { isRange, type RangeName, readBuckets } from './buckets';
import { renderPage } from './dashboard-page';
import { type Overview, overviewOf } from './overview';
import { type Panel, panelsOf } from './panels';
import { type CommandRow, commandRows, type EntityRow, entityRows, fullAt, type JobRow, jobRows } from './tables';

/** An alert, as the page shows it. */
export interface AlertView {
  readonly alert: string;
  readonly severity: string;
  readonly state: 'firing' | 'pending';
  /** ms since 1970. */
  readonly since: number;
  readonly summary: string;
  readonly runbook: string;
}

export interface DeadLetterView {
  readonly letterId: string;
  readonly entity: string;
  readonly reason: string;
  readonly detail: string;
  /** ms since 1970. */
  readonly at: number;
}

export interface SweepView {
  readonly pass: string;
  readonly status: string;
  readonly percent: number;
  readonly examined: number;
}

export interface DashboardOptions {
  readonly cache: string;
  readonly store: SampleStore;
  readonly clock: Clock;
  readonly alerts: () => Promise<readonly AlertView[]>;
  readonly sweeps: () => Promise<readonly SweepView[]>;
  /** The newest census; undefined before the first. */
  readonly census: () => Promise<CensusView | undefined>;
  /** How each job is, by the record of its runs. */
  readonly jobs: () => Promise<readonly JobState[]>;
  readonly deadLetters: {
    list(limit: number): Promise<readonly DeadLetterView[]>;
    /** False if there is none with that id. */
    replay(letterId: string): Promise<boolean>;
    discard(letterId: string): Promise<boolean>;
  };
}

/** The data of the page. */
export interface DashboardData {
  readonly cache: string;
  /** ms since 1970. */
  readonly now: number;
  readonly range: RangeName;
  readonly alerts: readonly AlertView[];
  readonly overview: Overview;
  readonly nodes: { readonly up: number; readonly all: number };
  /** When memory is full if it grows as in the range, in ms since 1970; null if that is not foreseeable. */
  readonly memoryFullAt: number | null;
  /** In seconds since 1970, as the chart library expects. */
  readonly times: readonly number[];
  readonly panels: readonly Panel[];
  readonly entities: readonly EntityRow[];
  readonly jobs: readonly JobRow[];
  readonly commands: readonly CommandRow[];
  readonly passes: readonly SweepView[];
  readonly census: DatedCensus | null;
  /** The first 100. */
  readonly deadLetters: readonly DeadLetterView[];
  /** How many there are; `isLeast` if counting stopped and there may be more. */
  readonly deadLetterCount: { readonly count: number; readonly isLeast: boolean };
  /** Parts that could not be read. */
  readonly missing: readonly string[];
}

export interface Dashboard {
  /** The whole page. */
  page(): string;
  /** For an unknown range, the shortest one. */
  data(range?: string | null): Promise<DashboardData>;
  /** Changes a dead letter. The caller must make sure that it is an administrator. */
  act(action: DashboardAction): Promise<JobReport>;
}

export type DashboardAction = { readonly action: 'replay' | 'discard'; readonly letterId: string };

const SLOWEST = 10;
const MOST_LETTERS = 100;
/** One page of Table Storage. */
const MOST_COUNTED = 1_000;

export function createDashboard(options: DashboardOptions): Dashboard {
  const { cache, store, clock } = options;
  let page: string | undefined;

  return {
    page: () => {
      page ??= renderPage(cache);
      return page;
    },

    data: async (wanted) => {
      const range = wanted && isRange(wanted) ? wanted : '1h';
      const now = clock.now();
      const missing: string[] = [];
      // If one part is unavailable, the page still shows the others.
      const part = async <T>(name: string, read: () => Promise<T>, otherwise: T): Promise<T> => {
        try {
          return await read();
        } catch {
          missing.push(name);
          return otherwise;
        }
      };
      const [buckets, latest, alerts, sweeps, census, states, deadLetters] = await Promise.all([
        readBuckets(store, range, now),
        latestBatches(store, now),
        part('alerts', options.alerts, []),
        part('sweeps', options.sweeps, []),
        part('census', options.census, undefined),
        part('jobs', options.jobs, []),
        part('dead letters', () => options.deadLetters.list(MOST_COUNTED), []),
      ]);
      const all = buckets.batches.flat();
      const panels = panelsOf(buckets).filter(({ lines }) => lines.length > 0);
      return {
        cache,
        now,
        range,
        missing,
        passes: sweeps,
        deadLetters: deadLetters.slice(0, MOST_LETTERS),
        deadLetterCount: { count: deadLetters.length, isLeast: deadLetters.length === MOST_COUNTED },
        alerts: sorted(alerts),
        census: dated(census),
        overview: overviewOf(latest),
        nodes: nodesOf(latest),
        memoryFullAt: forecast(latest, panels, buckets.stepMs, now),
        times: buckets.times.map((at) => at / 1_000),
        panels,
        entities: entityRows(all),
        jobs: jobRows(all, states),
        commands: commandRows(all, SLOWEST),
      };
    },

    act: async ({ action, letterId }) => {
      const done = await options.deadLetters[action](letterId);
      const summary = done ? `dead letter ${action === 'replay' ? 'replayed' : 'discarded'}` : 'no such dead letter';
      return { summary, figures: { changed: done ? 1 : 0 } };
    },
  };
}

const ranks: Readonly<Record<string, number>> = { critical: 0, warning: 1, info: 2 };

/** Firing before pending, the most severe first, then the oldest. */
function sorted(alerts: readonly AlertView[]): readonly AlertView[] {
  const rank = ({ state, severity }: AlertView) => (state === 'firing' ? 0 : 10) + (ranks[severity] ?? 9);
  return [...alerts].sort((a, b) => rank(a) - rank(b) || a.since - b.since);
}

function nodesOf(latest: readonly SampleBatch[]) {
  const nodes = latest.filter(({ labels }) => labels.node !== undefined);
  const up = nodes.filter(({ values }) => values.redis_up !== undefined && lastOf(values.redis_up) === 1);
  return { up: up.length, all: nodes.length };
}

/** The time at which the first node is full. */
function forecast(latest: readonly SampleBatch[], panels: readonly Panel[], stepMs: number, now: number) {
  const lines = panels.find(({ id }) => id === 'memory')?.lines ?? [];
  const times = latest.flatMap(({ labels, values }) => {
    const limit = values.redis_memory_max_bytes;
    const line = lines.find(({ label }) => label === labels.node);
    const at = limit !== undefined && line ? fullAt(line.values, lastOf(limit), stepMs, now) : null;
    return at === null ? [] : [at];
  });
  return times.length === 0 ? null : Math.min(...times);
}
