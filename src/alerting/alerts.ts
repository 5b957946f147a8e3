import { type Clock, MINUTE, SECOND } from '../clock';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import type { SampleStore } from '../monitoring/samples';
import type { Counters } from '../redis';
import type { Settings } from '../settings';
import type { StorageClients } from '../storage/clients';
import { evaluate } from './evaluate';
import { metricsOf, reachOf } from './expression';
import { groupsOf } from './groups';
import { deliver, isOwed, type NotifierOptions, type ToldDocument } from './notifier';
import type { Receiver } from './receivers';
import { type AlertRules, loadRules, rulesOfApp } from './rules';
import { toSeries } from './series';
import { type AlertState, emptyState } from './state';
import { type AlertStateStore, createBlobAlertState } from './state-store';
import { ticksUntil } from './ticks';
import { createWebhook } from './webhook';

type AlertSettings = Pick<
  Settings,
  | 'ALERT_QUEUE'
  | 'ALERT_RULES_FILE'
  | 'ALERT_WEBHOOK_URL'
  | 'ALERT_WEBHOOK_SECRET'
  | 'ALERT_WEBHOOK_ALLOW_PRIVATE'
  | 'ALERT_GROUP_BY'
  | 'ALERT_GROUP_INTERVAL_SECONDS'
  | 'ALERT_REPEAT_MINUTES'
  | 'ALERT_OUTAGE_TOLERANCE_MINUTES'
  | 'ALERTS_LEFT_TO_AZURE'
>;

export interface AlertsOptions {
  readonly samples: SampleStore;
  readonly storage: StorageClients;
  readonly settings: AlertSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Default: blobs. */
  readonly store?: AlertStateStore;
  /** Default: what the settings name. */
  readonly receivers?: readonly Receiver[];
}

/** Alerts as jobs. */
export interface Alerts {
  /** Evaluates the rules at the tick `at` and at those that were missed, then queues the groups that are owed a message. */
  evaluate(at: Date): Promise<JobReport>;
  /** Tells what a queued group is still owed. A message that names no group of today is dropped: nothing hangs on it. */
  notify(message: unknown): Promise<JobReport>;
  /** The state of the last evaluation. */
  state(): Promise<AlertState>;
}

/** Nothing connects before the first call. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { samples, storage, settings, counters, logger, clock } = options;
  const store = options.store ?? createBlobAlertState({ storage });
  const groupBy = settings.ALERT_GROUP_BY.split(',').map((name) => name.trim());
  const notifier: NotifierOptions = {
    ...{ store, counters, logger },
    receivers: options.receivers ?? receiversOf(settings, clock),
    times: {
      groupIntervalMs: settings.ALERT_GROUP_INTERVAL_SECONDS * SECOND,
      repeatMs: settings.ALERT_REPEAT_MINUTES * MINUTE,
    },
  };
  let loaded: Promise<AlertRules> | undefined;
  const rules = () => {
    loaded ??= loadRules(settings.ALERT_RULES_FILE).catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };

  /** Level-triggered: what is owed is asked of the state at every tick, so a lost message is only late. */
  async function queueOwed(state: AlertState, inhibitions: AlertRules['inhibitions']): Promise<number> {
    if (notifier.receivers.length === 0) return 0;
    const told = (await store.read<ToldDocument>('told'))?.value ?? {};
    const owed = groupsOf(state, inhibitions, groupBy).filter((group) => isOwed(notifier, group, told, state.at));
    if (owed.length === 0) return 0;
    const queue = await storage.queue(settings.ALERT_QUEUE);
    for (const { key } of owed) {
      await queue.sendMessage(Buffer.from(JSON.stringify({ group: key })).toString('base64'));
    }
    return owed.length;
  }

  return {
    async evaluate(at) {
      const { rules: all, inhibitions } = await rules();
      const own = rulesOfApp(all, settings.ALERTS_LEFT_TO_AZURE);
      const stored = await store.read<AlertState>('state');
      let state = stored?.value ?? emptyState;
      const ticks = ticksUntil(at.getTime(), state.at, settings.ALERT_OUTAGE_TOLERANCE_MINUTES * MINUTE);
      let fired = 0;
      let resolved = 0;
      if (ticks.length > 0) {
        const reach = Math.max(0, ...own.map(reachOf));
        const batches = await samples.read({ after: (ticks[0] ?? 0) - reach - 1, until: at.getTime() });
        const series = toSeries(batches, new Set(own.flatMap(metricsOf)));
        for (const tick of ticks) {
          const result = evaluate(own, series, state, tick);
          state = result.state;
          for (const { kind, instance } of result.events) {
            if (kind === 'firing') fired += 1;
            if (kind === 'resolved') resolved += 1;
            if (kind === 'firing' || kind === 'resolved') {
              logger.info({ alert: instance.rule, kind, summary: instance.summary }, 'alert changed');
            }
          }
        }
        await store.write('state', state, stored?.etag);
        for (const [rule, fault] of Object.entries(state.faults)) logger.warn({ rule, fault }, 'rule not evaluated');
      }
      const queued = await queueOwed(state, inhibitions);
      const count = (wanted: string) => Object.values(state.alerts).filter((it) => it.state === wanted).length;
      const figures = {
        ...{ rules: own.length, ticks: ticks.length, fired, resolved, groupsQueued: queued },
        ...{ firing: count('firing'), pending: count('pending'), faults: Object.keys(state.faults).length },
      };
      return {
        summary: `${own.length} rules at ${ticks.length} ${ticks.length === 1 ? 'tick' : 'ticks'}: ${figures.firing} firing, ${figures.pending} pending`,
        figures,
      };
    },

    async notify(message) {
      const wanted = (message as { group?: unknown } | null)?.group;
      const { inhibitions } = await rules();
      const state = (await store.read<AlertState>('state'))?.value ?? emptyState;
      const groups = groupsOf(state, inhibitions, groupBy);
      const group = groups.find(({ key }) => key === wanted);
      if (!group) return { summary: 'a group that has nothing to tell any more', figures: { sent: 0, failed: 0 } };
      const known = new Set(groups.map(({ key }) => key));
      const { sent, failed } = await deliver(notifier, group, state.at, known);
      const what = `${group.firing.length} firing, ${group.resolved.length} resolved`;
      return { summary: `told ${sent} of ${sent + failed} receivers: ${what}`, figures: { sent, failed } };
    },

    state: async () => (await store.read<AlertState>('state'))?.value ?? emptyState,
  };
}

function receiversOf(settings: AlertSettings, clock: Clock): Receiver[] {
  const url = settings.ALERT_WEBHOOK_URL;
  if (!url) return [];
  const { ALERT_WEBHOOK_SECRET: secret, ALERT_WEBHOOK_ALLOW_PRIVATE: allowPrivate } = settings;
  return [createWebhook({ url, secret, allowPrivate, clock })];
}
