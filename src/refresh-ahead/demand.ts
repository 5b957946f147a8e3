import type { Demand } from '../cache/ports';
import type { Cache } from '../cache/types';
import { type Clock, SECOND } from '../clock';
import { entityOf } from '../entities/key';
import type { Entities } from '../entities/registry';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { Settings } from '../settings';
import { createDueSet, type Offer } from './due-set';
import { HotKeys } from './hot-keys';
import { LocalRefresher } from './local-refresher';
import { type RefreshRules, refreshRules } from './rules';

export type DemandSettings = Pick<
  Settings,
  'REFRESH_MAX_KEYS' | 'REFRESH_QUEUE_LATENCY_SECONDS' | 'REFRESH_DEMAND_FLUSH_MS'
>;

export interface DemandOptions {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  /** `Cache.refresh` of this process, for entries too short-lived for the queue. */
  readonly refresh: Cache['refresh'];
  readonly settings: DemandSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface RunningDemand extends Demand {
  /** Tells Redis what was read since the last time. Happens by itself; never throws. */
  flush(): Promise<void>;
  /** Flushes, and waits for refreshes under way. */
  close(): Promise<void>;
}

/** Keys a process keeps count of between two flushes. */
const SKETCH = 2_000;
/** Keys it tells of that were not asked for. */
const HOTTEST = 200;

/** The demand signal of a web app's process: counts reads, asks for refreshes, and never makes a reader wait. */
export function createDemand(options: DemandOptions): RunningDemand {
  const { redis, entities, settings, counters, logger, clock } = options;
  const latencyMs = settings.REFRESH_QUEUE_LATENCY_SECONDS * SECOND;
  const dueSet = createDueSet({ redis, maxKeys: settings.REFRESH_MAX_KEYS });
  const local = new LocalRefresher(options);
  const hotKeys = new HotKeys(SKETCH);
  const rulesByName = new Map<string, RefreshRules | undefined>(
    entities.all().map((entity) => [entity.name, refreshRules(entity)]),
  );
  let timer: NodeJS.Timeout | undefined;

  /** True where what is left of a life after the refresh point is too short for the planner and its queue. */
  const isShort = ({ ttlMs, fraction }: RefreshRules): boolean => ttlMs * (1 - fraction) < latencyMs;

  const schedule = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void flush();
    }, settings.REFRESH_DEMAND_FLUSH_MS).unref();
  };

  async function flush(): Promise<void> {
    const seen = [...hotKeys.take()];
    const asked = seen.filter(([, one]) => one.asked);
    const hottest = seen
      .filter(([, one]) => !one.asked && one.reads > 0)
      .sort(([, a], [, b]) => b.reads - a.reads)
      .slice(0, HOTTEST);
    const offers = [...asked, ...hottest].flatMap(([key, { reads, expiresAt, asked }]): Offer[] => {
      const rules = rulesByName.get(entityOf(key));
      if (!rules) return [];
      const dueAt = asked ? clock.now() : expiresAt - rules.ttlMs * (1 - rules.fraction);
      return [{ key, dueAt, expiresAt, reads, asked }];
    });
    if (offers.length === 0) return;
    try {
      const { used, forgotten } = await dueSet.offer(offers);
      if (used > 0) counters.add('refresh_used', {}, used);
      if (forgotten > 0) counters.add('refresh_forgotten', {}, forgotten);
    } catch (error) {
      // What is not told is not refreshed: the entries expire, and are loaded by a reader.
      logger.debug({ keys: offers.length, error: coerceError(error).name }, 'demand not told');
    }
  }

  return {
    read(key, expiresAt) {
      const rules = rulesByName.get(entityOf(key));
      if (!rules || isShort(rules)) return;
      hotKeys.read(key, expiresAt);
      schedule();
    },
    refreshNeeded(key, expiresAt) {
      const rules = rulesByName.get(entityOf(key));
      if (!rules) return;
      if (expiresAt - clock.now() < latencyMs) {
        local.ask(rules, key, expiresAt);
      } else {
        hotKeys.ask(key, expiresAt);
        schedule();
      }
    },
    flush,
    async close() {
      clearTimeout(timer);
      await flush();
      await local.close();
    },
  };
}
