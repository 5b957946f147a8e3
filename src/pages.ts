import * as z from 'zod';
import type { AlertState } from './alerting';
import type { Clock } from './clock';
import type { CensusView, SweepProgress } from './hygiene';
import { type AlertView, createDashboard, type Health, type JobState, type SampleStore } from './monitoring';
import type { DeadLetters } from './write-behind';

/** An answer over HTTP. */
export type Page = { readonly status: number; readonly type: string; readonly body: string };

export const json = (status: number, body: unknown): Page => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});

export interface HealthPages {
  /** One word, for anybody: `ok`, `degraded` or `down`. 503 when it is `down`. */
  health(): Promise<Page>;
  /** The faults and every check. */
  healthDetail(): Promise<Page>;
}

/** However many ask at a time, the services are asked once: anybody may. */
export function healthPages(ask: () => Promise<Pick<Health, 'status' | 'faults'>>): HealthPages {
  let asking: ReturnType<typeof ask> | undefined;
  const read = () => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  const code = (status: Health['status']) => (status === 'down' ? 503 : 200);
  return {
    async health() {
      const { status } = await read();
      return { status: code(status), type: 'text/plain; charset=utf-8', body: status };
    },
    async healthDetail() {
      const health = await read();
      return json(code(health.status), health);
    },
  };
}

export interface PagesOptions {
  readonly cache: string;
  readonly samples: SampleStore;
  readonly clock: Clock;
  readonly alerts: { state(): Promise<AlertState> };
  readonly sweeps: { progress(): Promise<readonly SweepProgress[]> };
  readonly census: () => Promise<CensusView | undefined>;
  readonly jobs: () => Promise<readonly JobState[]>;
  readonly deadLetters: DeadLetters;
  readonly journal: Parameters<DeadLetters['replay']>[1];
}

export interface Pages {
  /** The page; with a range, the figures it draws. */
  dashboard(range: string | null): Promise<Page>;
  /** Changes state: the caller has made sure that an administrator asks, from the page itself. */
  dashboardAction(body: unknown): Promise<Page>;
}

const actionSchema = z.strictObject({ action: z.enum(['replay', 'discard']), letterId: z.string().min(1).max(2_000) });

/** The dashboard over what the other parts know. */
export function createPages(options: PagesOptions): Pages {
  const { cache, samples, clock, deadLetters, journal } = options;
  const dashboard = createDashboard({
    ...{ cache, clock, store: samples, census: options.census, jobs: options.jobs },
    alerts: async () => viewsOf(await options.alerts.state()),
    sweeps: async () =>
      (await options.sweeps.progress()).map(({ pass, status, percent, examined }) => ({
        pass,
        status,
        percent,
        examined,
      })),
    deadLetters: {
      list: async (limit) =>
        (await deadLetters.list({ limit })).map(({ letterId, entity, reason, error, lastAt }) => ({
          // A message that could not be taken apart is of no entity that is known.
          ...{ letterId, reason, entity: entity ?? 'unknown' },
          detail: error,
          at: lastAt,
        })),
      replay: (letterId) => deadLetters.replay(letterId, journal),
      discard: (letterId) => deadLetters.discard(letterId),
    },
  });
  return {
    dashboard: async (range) =>
      range === null
        ? { status: 200, type: 'text/html; charset=utf-8', body: dashboard.page() }
        : json(200, await dashboard.data(range)),
    dashboardAction: async (body) => {
      const parsed = actionSchema.safeParse(body);
      if (!parsed.success) return json(400, { error: 'E_ACTION' });
      return json(200, await dashboard.act(parsed.data));
    },
  };
}

const viewsOf = (state: AlertState): AlertView[] =>
  Object.values(state.alerts).flatMap(({ rule, labels, state: it, firedAt, activeAt, summary, runbook }) =>
    it === 'inactive'
      ? []
      : [{ alert: rule, severity: labels.severity ?? '', state: it, since: firedAt ?? activeAt, summary, runbook }],
  );
