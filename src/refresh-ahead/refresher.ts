import type { Cache, RefreshOutcome, RefreshResult } from '../cache/types';
import { type Clock, SECOND } from '../clock';
import type { Entities } from '../entities/registry';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import { counted } from '../plural';
import type { Counters, RedisHandle } from '../redis';
import type { Settings } from '../settings';
import { createDueSet } from './due-set';
import { mark } from './marker';
import { noteOutcome } from './note-outcome';
import { decodeRefresh } from './refresh-message';
import { type RefreshRules, refreshRules } from './refresh-rules';

export interface RefresherOptions {
  readonly cache: Pick<Cache, 'refresh'>;
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly settings: Pick<Settings, 'REFRESH_MAX_KEYS' | 'REFRESH_AHEAD_QUEUE'>;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What a run failed with that refreshed nothing. Why each load failed was logged by the cache. */
const LOADS_FAILED = 'E_LOAD_FAILED';

/** Loads and fills the entries that the planner queued. A failing source opens the entity's breaker for all processes. */
export function createRefresher(options: RefresherOptions): { refresh(message: unknown): Promise<JobReport> } {
  const { cache, redis, entities, settings, counters, logger, clock } = options;
  const dueSet = createDueSet({ redis, maxKeys: settings.REFRESH_MAX_KEYS });

  /** Uses one bulk load if the entity has one. Else several workers load key by key, until the breaker opens. */
  async function load(rules: RefreshRules, entries: ReadonlyMap<string, number>): Promise<RefreshOutcome[]> {
    const { entity, isBulk, concurrency } = rules;
    const outcomes: RefreshOutcome[] = [];
    const waiting = [...entries.keys()];
    const worker = async () => {
      for (let openUntil = 0; waiting.length > 0 && openUntil === 0; ) {
        const results = await cache.refresh(waiting.splice(0, isBulk ? waiting.length : 1), { replaces: entries });
        outcomes.push(...results);
        const answered = results.some(({ outcome }) => outcome === 'refreshed' || outcome === 'gone');
        const failed = results.some(({ outcome }) => outcome === 'failed');
        // One load counts once, for any number of keys.
        if (failed && !answered) openUntil = await dueSet.noteLoads(entity.name, 0, 1);
      }
    };
    await Promise.all(Array.from({ length: isBulk ? 1 : Math.min(concurrency, waiting.length) }, worker));
    if (outcomes.some(({ outcome }) => outcome === 'refreshed')) await dueSet.noteLoads(entity.name, 1, 0);
    return outcomes;
  }

  return {
    async refresh(given) {
      const message = decodeRefresh(given);
      if (!message) {
        // Nothing is lost: its keys are claimed again, or they expire and a reader loads them.
        counters.add('refresh_dropped', { why: 'undecodable' });
        logger.warn(
          { queue: settings.REFRESH_AHEAD_QUEUE },
          'dropped a message that is no refresh; nothing is lost, its entries load when they are read: see what else writes to this queue',
        );
        return { summary: 'dropped a message that is no refresh', figures: { keys: 0, dropped: 1 } };
      }
      const { entity, keys } = message;
      const rules = refreshRules(entities.get(entity));
      const isOpen = rules !== undefined && (await dueSet.openBreakers(clock.now())).has(entity);
      if (!rules || isOpen) {
        counters.add('refresh_dropped', { why: rules ? 'breaker' : 'unknown-entity' }, keys.length);
        const why = rules ? `the source of ${entity} keeps failing` : `${entity} is not refreshed by this deployment`;
        return {
          summary: `left ${counted(keys.length, 'entry', 'entries')} alone: ${why}`,
          figures: { keys: keys.length, dropped: keys.length },
          ...(rules && { failedWith: LOADS_FAILED }),
        };
      }

      const now = clock.now();
      // An expired entry is not refreshed, because nobody reads it.
      const late = keys.filter(([, expiresAt]) => expiresAt <= now);
      const alive = keys.filter(([, expiresAt]) => expiresAt > now);
      const marks = await Promise.all(alive.map(([key, expiresAt]) => mark(redis, rules, key, expiresAt)));
      const granted = new Map(alive.filter((_, index) => marks[index] === 'granted'));
      const outcomes = await load(rules, granted);

      const missed = await dueSet.done(late.map(([key]) => ({ key, expiresAt: 0 })));
      // A failed key, or one that the open breaker skipped, is claimed again when its claim ends.
      const ended = outcomes.filter(({ outcome }) => outcome !== 'failed');
      const notOurs = alive.filter(([key]) => !granted.has(key));
      await dueSet.done([
        ...ended.map(({ key, expiresAt = 0 }) => ({ key, expiresAt })),
        ...notOurs.map(([key]) => ({ key, expiresAt: 0 })),
      ]);

      const count = (outcome: RefreshResult) => outcomes.filter((one) => one.outcome === outcome).length;
      const figures = {
        keys: keys.length,
        refreshed: count('refreshed'),
        gone: count('gone'),
        superseded: count('superseded') + marks.filter((one) => one === 'asked').length,
        failed: count('failed'),
        capped: marks.filter((one) => one === 'over').length,
        expired: late.length,
      };
      if (missed > 0) counters.add('refresh_missed', {}, missed);
      if (figures.capped > 0) counters.add('refresh_capped', {}, figures.capped);
      const leads = outcomes.map((one) =>
        noteOutcome(options, { entity, way: 'queue' }, one, granted.get(one.key) as number),
      );
      const leadMs = leads.reduce((sum, lead) => sum + lead, 0) / figures.refreshed;
      const lead = figures.refreshed > 0 ? `, ${Math.round(leadMs / SECOND)} s before they expired` : '';
      const failed = figures.failed > 0 ? `, ${figures.failed} failed` : '';
      return {
        summary: `refreshed ${counted(figures.refreshed, 'entry', 'entries')} of ${entity}${lead}${failed}`,
        figures,
        ...(outcomes.length > 0 && figures.failed === outcomes.length && { failedWith: LOADS_FAILED }),
      };
    },
  };
}
