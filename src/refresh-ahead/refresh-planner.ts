import { type Clock, SECOND } from '../clock';
import { entityOf } from '../entities/key';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import { counted } from '../plural';
import type { Counters, RedisHandle } from '../redis';
import type { Settings } from '../settings';
import type { StorageClients } from '../storage/clients';
import { type ClaimedKey, createDueSet } from './due-set';
import { encodeRefresh, MESSAGE_KEYS } from './refresh-message';

export type PlannerSettings = Pick<
  Settings,
  'REFRESH_AHEAD_QUEUE' | 'REFRESH_BUDGET_PER_MINUTE' | 'REFRESH_MAX_KEYS' | 'REFRESH_VISIBILITY_SECONDS'
>;

export interface RefreshPlannerOptions {
  readonly redis: RedisHandle;
  readonly storage: StorageClients;
  readonly settings: PlannerSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Keys claimed by one script call. */
const PAGE = 250;

/** Claims due keys, the hottest first, within the budget of a minute, and queues them. */
export function createRefreshPlanner(options: RefreshPlannerOptions): { plan(at: Date): Promise<JobReport> } {
  const { redis, storage, settings, counters, logger, clock } = options;
  const dueSet = createDueSet({ redis, maxKeys: settings.REFRESH_MAX_KEYS });
  const budgetPerMinute = settings.REFRESH_BUDGET_PER_MINUTE;
  const holdMs = settings.REFRESH_VISIBILITY_SECONDS * SECOND;

  async function queue(keys: readonly ClaimedKey[]): Promise<void> {
    const client = await storage.queue(settings.REFRESH_AHEAD_QUEUE);
    for (const [entity, own] of Map.groupBy(keys, ({ key }) => entityOf(key))) {
      for (let from = 0; from < own.length; from += MESSAGE_KEYS) {
        const page = own.slice(from, from + MESSAGE_KEYS).map(({ key, expiresAt }) => [key, expiresAt] as const);
        // When the claim ends, the key is claimed again, so an older message is useless.
        await client.sendMessage(encodeRefresh({ format: 1, entity, keys: page }), {
          messageTimeToLive: settings.REFRESH_VISIBILITY_SECONDS,
        });
      }
    }
  }

  return {
    async plan(at) {
      const leaveAlone = await dueSet.openBreakers(clock.now());
      const figures = { queued: 0, missed: 0, wasted: 0, shed: 0 };

      for (let more = true; more; ) {
        const claims = await dueSet.claim({ most: PAGE, budgetPerMinute, holdMs, leaveAlone });
        await queue(claims.keys);
        figures.queued += claims.keys.length;
        figures.missed += claims.missed;
        figures.wasted += claims.wasted;
        figures.shed = claims.left;
        more = claims.more || (claims.keys.length > 0 && figures.queued < budgetPerMinute);
      }

      for (const name of ['queued', 'missed', 'wasted', 'shed'] as const) {
        if (figures[name] > 0) counters.add(`refresh_${name}` as const, {}, figures[name]);
      }
      const breakersOpen = leaveAlone.size;
      counters.set('refresh_breakers_open', {}, breakersOpen);
      const { queued, shed, missed } = figures;
      logger.debug({ at: at.toISOString(), ...figures, breakersOpen }, 'refreshes planned');
      const more = [
        shed > 0 ? `${shed} over the budget` : '',
        missed > 0 ? `${missed} expired before` : '',
        breakersOpen > 0 ? `${counted(breakersOpen, 'source')} failing` : '',
      ].filter(Boolean);
      return {
        summary: [
          queued > 0 ? `queued ${counted(queued, 'refresh', 'refreshes')}` : 'nothing to refresh',
          ...more,
        ].join(', '),
        figures: { ...figures, breakersOpen },
      };
    },
  };
}
