import type { Demand } from '../cache/ports';
import { type Clock, SECOND } from '../clock';
import { entityOf } from '../entities/key';
import type { Entities } from '../entities/registry';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import { outsideCalls } from '../outside-calls';
import type { Counters, RedisHandle } from '../redis';
import type { Settings } from '../settings';
import { createDueSet, type Offer } from './due-set';
import { LocalRefresher } from './local-refresher';
import { ReadSketch } from './read-sketch';
import { type RefreshRules, refreshRules } from './refresh-rules';

export type DemandSettings = Pick<
  Settings,
  'REFRESH_MAX_KEYS' | 'REFRESH_QUEUE_LATENCY_SECONDS' | 'REFRESH_DEMAND_FLUSH_MS'
>;

export interface DemandOptions {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly settings: DemandSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface RunningDemand extends Demand {
  /** Sends the reads since the last flush to Redis. A timer calls it as well. Never throws. */
  flush(): Promise<void>;
  /** Flushes, and waits for running refreshes. */
  close(): Promise<void>;
}

/** Reads of an entry that are sent to Redis before its refresh point. The second shows that the entry is in demand. */
const SENT_READS = 2;
/** The most keys of one flush. Further keys are sent after their next read, or expire. */
const MAX_OFFERS = 5_000;

/** The demand signal of a web app's process: counts reads and requests refreshes. A reader never waits for it. */
export function createDemand(options: DemandOptions): RunningDemand {
  const { redis, entities, settings, counters, logger, clock } = options;
  const latencyMs = settings.REFRESH_QUEUE_LATENCY_SECONDS * SECOND;
  const dueSet = createDueSet({ redis, maxKeys: settings.REFRESH_MAX_KEYS });
  const local = new LocalRefresher({ ...options, dueSet });
  const sketch = new ReadSketch(SENT_READS);
  const rulesByName = new Map<string, RefreshRules | undefined>(
    entities.all().map((entity) => [entity.name, refreshRules(entity)]),
  );
  let offersByKey = new Map<string, Offer>();
  let timer: NodeJS.Timeout | undefined;

  /** `dueAt` undefined requests the refresh now. If a key had two entries, only the newer one counts. */
  function note(key: string, dueAt: number | undefined, expiresAt: number): void {
    const known = offersByKey.get(key);
    if (known === undefined ? offersByKey.size >= MAX_OFFERS : known.expiresAt > expiresAt) return;
    const reads = known?.expiresAt === expiresAt ? known.reads + 1 : 1;
    offersByKey.set(key, { key, dueAt, expiresAt, reads });
    timer ??= outsideCalls(() => setTimeout(flushLater, settings.REFRESH_DEMAND_FLUSH_MS)).unref();
  }

  function flushLater(): void {
    timer = undefined;
    void flush();
  }

  async function flush(): Promise<void> {
    local.countWasted();
    if (offersByKey.size === 0) return;
    const offers = [...offersByKey.values()];
    offersByKey = new Map();
    try {
      const { used, wasted, forgotten } = await dueSet.offer(offers);
      if (used > 0) counters.add('refresh_used', {}, used);
      if (wasted > 0) counters.add('refresh_wasted', {}, wasted);
      if (forgotten > 0) counters.add('refresh_forgotten', {}, forgotten);
    } catch (error) {
      // These entries are not refreshed: they expire, and a reader loads them.
      const message = 'could not send the demand; the entries expire and are loaded on the next read';
      logger.debug({ keys: offers.length, error: coerceError(error).name }, message);
    }
  }

  return {
    read(key, dueAt, expiresAt) {
      if (rulesByName.get(entityOf(key)) === undefined) return;
      local.read(key, expiresAt);
      // The rest of its life after the refresh point is too short for the planner and its queue.
      if (expiresAt - dueAt < latencyMs) return;
      if (sketch.add(key, expiresAt) <= SENT_READS) note(key, dueAt, expiresAt);
    },
    refreshNeeded(key, expiresAt, refresh) {
      const rules = rulesByName.get(entityOf(key));
      if (rules === undefined) return;
      local.read(key, expiresAt);
      if (expiresAt - clock.now() < latencyMs) local.request(rules, key, expiresAt, refresh);
      else note(key, undefined, expiresAt);
    },
    flush,
    async close() {
      clearTimeout(timer);
      await flush();
      await local.close();
    },
  };
}
