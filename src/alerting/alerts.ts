import * as z from 'zod';
import { type Clock, MINUTE, SECOND } from '../clock';
import { StewardError } from '../errors';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import type { SampleBatch, SampleStore } from '../monitoring/samples/sample-store';
import type { Counters } from '../redis';
import type { Settings } from '../settings';
import type { StorageClients } from '../storage/clients';
import { sendText } from '../storage/queues';
import { type AlertEvent, type AlertState, emptyState } from './evaluate/alert-state';
import { AlertStateConflictError, type AlertStateStore, createBlobAlertState } from './evaluate/alert-state-store';
import { evaluate } from './evaluate/evaluate';
import { metricsOf, reachOf } from './evaluate/expression';
import { toSeries } from './evaluate/series';
import { planTicks } from './evaluate/ticks';
import { createNotifier } from './notify/notifier';
import { createQueueReceiver, createWebhook, type Receiver } from './notify/receivers';
import { type AlertRules, loadRules, rulesOfApp } from './rules/alert-rules';

export interface AlertsOptions {
  readonly samples: SampleStore;
  readonly storage: StorageClients;
  readonly settings: Pick<Settings, Extract<keyof Settings, `ALERT${string}`>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters?: Counters;
  /** Default: blobs. */
  readonly store?: AlertStateStore;
  /** Default: made from the settings. */
  readonly receivers?: readonly Receiver[];
}

export interface Alerts {
  /** Evaluates the rules at the tick `at`, missed ticks first, and queues the groups with pending notifications. */
  evaluate(at: Date): Promise<JobReport>;
  /** Handles one message of the queue: sends the pending notifications of its group. */
  notify(message: unknown): Promise<JobReport>;
  /** The state as last written, for the dashboard and the report. */
  state(): Promise<AlertState>;
}

/** A message in the alert queue that this app did not write. */
export class AlertMessageError extends StewardError {
  readonly code = 'E_ALERT_MESSAGE';
}

const messageSchema = z.object({ group: z.string().min(1) });

/** Platform metrics arrive late, so samples newer than this are read again at each tick. */
const SETTLED = 15 * MINUTE;

/** Nothing connects before the first call. Throws `E_RULES` if ALERT_RULES_FILE names a file with a fault. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { samples, storage, settings, logger } = options;
  const store = options.store ?? createBlobAlertState({ storage });
  const notifier = createNotifier({
    store,
    logger,
    counters: options.counters,
    receivers: options.receivers ?? receiversOf(options),
    groupBy: settings.ALERT_GROUP_BY.split(',').map((name) => name.trim()),
    times: {
      groupIntervalMs: settings.ALERT_GROUP_INTERVAL_SECONDS * SECOND,
      repeatMs: settings.ALERT_REPEAT_MINUTES * MINUTE,
    },
  });
  let loaded: AlertRules | undefined;
  const rules = () => {
    loaded ??= loadRules(settings.ALERT_RULES_FILE, settings.ALERT_RUNBOOKS_URL);
    return loaded;
  };
  // A file of your own is read now, so that a fault in it shows at the start.
  if (settings.ALERT_RULES_FILE !== undefined) rules();
  const batchesOf = keptBatches(samples);

  return {
    evaluate: async (tick) => {
      const at = tick.getTime();
      const { rules: all, inhibitions } = rules();
      const own = rulesOfApp(all, settings.ALERTS_LEFT_TO_AZURE);
      const stored = await store.read<AlertState>('state');
      const tolerance = settings.ALERT_OUTAGE_TOLERANCE_MINUTES * MINUTE;
      const { from, ticks } = planTicks(stored?.value, at, tolerance);
      let state = from;
      const events: AlertEvent[] = [];
      const [first] = ticks;
      if (first !== undefined) {
        const reach = Math.max(0, ...own.map(reachOf));
        // Throws if the store is unavailable: then nothing was evaluated, so nothing resolves and no tick is lost.
        const series = toSeries(await batchesOf(first - reach, at), new Set(own.flatMap(metricsOf)));
        for (const each of ticks) {
          const evaluated = evaluate(own, series, state, each);
          state = evaluated.state;
          events.push(...evaluated.events);
        }
        try {
          await store.write('state', state, stored?.etag);
        } catch (error) {
          if (!(error instanceof AlertStateConflictError)) throw error;
          return { summary: 'another run evaluated this tick', figures: { ticks: 0 } };
        }
      }
      for (const [rule, fault] of Object.entries(state.faults)) logger.error({ rule, fault }, 'rule was not evaluated');
      for (const { kind, instance } of events) {
        if (kind !== 'dropped') logger.info({ rule: instance.rule, summary: instance.summary }, `alert ${kind}`);
      }
      const pending = await notifier.pendingGroups(state, inhibitions);
      for (const group of pending) await sendText(storage, settings.ALERT_QUEUE, JSON.stringify({ group }));
      return report(state, own.length, ticks.length, pending.length);
    },

    notify: async (message) => {
      const parsed = messageSchema.safeParse(message);
      if (!parsed.success)
        throw new AlertMessageError('The message names no alert group, so it was not written by this app');
      const { inhibitions } = rules();
      const state = (await store.read<AlertState>('state'))?.value ?? emptyState;
      const { delivered, failed, failedWith } = await notifier.notify(state, inhibitions, parsed.data.group);
      const summary =
        failed > 0 ? `${failed} receivers failed` : delivered > 0 ? 'notified' : 'nothing is pending any more';
      return {
        summary,
        figures: { delivered, failed },
        ...(failedWith !== undefined && delivered === 0 && { failedWith }),
      };
    },

    state: async () => (await store.read<AlertState>('state'))?.value ?? emptyState,
  };
}

function report(state: AlertState, rules: number, ticks: number, pendingGroups: number): JobReport {
  const count = (wanted: string) => Object.values(state.alerts).filter(({ state: it }) => it === wanted).length;
  const [firing, pending, faults] = [count('firing'), count('pending'), Object.keys(state.faults).length];
  return {
    summary: ticks === 0 ? 'this tick was already evaluated' : `${rules} rules: ${firing} firing, ${pending} pending`,
    figures: { rules, ticks, firing, pending, faults, pendingGroups },
  };
}

/** Reads batches, and keeps those that no longer change for the next tick in this process. */
function keptBatches(samples: SampleStore) {
  let kept: readonly SampleBatch[] = [];
  let keptFrom = Number.POSITIVE_INFINITY;
  let keptUntil = Number.NEGATIVE_INFINITY;
  return async (after: number, until: number): Promise<readonly SampleBatch[]> => {
    const from = after >= keptFrom && until >= keptUntil ? Math.max(after, keptUntil) : after;
    const fresh = await samples.read({ after: from, until });
    const all = [...kept.filter(({ at }) => at > after && at <= from), ...fresh];
    keptFrom = after;
    keptUntil = Math.max(after, until - SETTLED);
    kept = all.filter(({ at }) => at <= keptUntil);
    return all;
  };
}

function receiversOf({ settings, storage, clock }: AlertsOptions): readonly Receiver[] {
  const receivers: Receiver[] = [];
  if (settings.ALERT_WEBHOOK_URL !== undefined) {
    receivers.push(
      createWebhook({
        url: settings.ALERT_WEBHOOK_URL,
        format: settings.ALERT_WEBHOOK_FORMAT,
        secret: settings.ALERT_WEBHOOK_SECRET,
        allowPrivate: settings.ALERT_WEBHOOK_ALLOW_PRIVATE,
        clock,
      }),
    );
  }
  if (settings.ALERT_RECEIVER_QUEUE !== undefined) {
    receivers.push(createQueueReceiver({ storage, queue: settings.ALERT_RECEIVER_QUEUE }));
  }
  return receivers;
}
