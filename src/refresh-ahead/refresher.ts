import type { Cache, RefreshOutcome } from '../cache/types';
import type { Clock } from '../clock';
import type { Entities } from '../entities/registry';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { Settings } from '../settings';
import { createDueSet } from './due-set';
import { decodeRefresh } from './message';
import { type RefreshRules, refreshRules } from './rules';

export interface RefresherOptions {
  readonly cache: Pick<Cache, 'refresh'>;
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly settings: Pick<Settings, 'REFRESH_MAX_KEYS'>;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Loads and fills again what the planner queued. A failing source opens the entity's breaker, for all processes. */
export function createRefresher(options: RefresherOptions): { refresh(message: unknown): Promise<JobReport> } {
  const { cache, redis, entities, settings, counters, logger, clock } = options;
  const dueSet = createDueSet({ redis, maxKeys: settings.REFRESH_MAX_KEYS });

  /** In one bulk load where the entity has one; else one by one, some at once, until the breaker opens. */
  async function load(rules: RefreshRules, keys: readonly string[]): Promise<RefreshOutcome[]> {
    const { entity, concurrency } = rules;
    const isBulk = entity.store !== undefined || entity.loadMany !== undefined;
    const outcomes: RefreshOutcome[] = [];
    const waiting = [...keys];
    const lane = async () => {
      for (let openUntil = 0; waiting.length > 0 && openUntil === 0; ) {
        const results = await cache.refresh(waiting.splice(0, isBulk ? waiting.length : 1));
        outcomes.push(...results);
        const failed = results.filter(({ outcome }) => outcome === 'failed').length;
        const well = results.filter(({ outcome }) => outcome === 'refreshed' || outcome === 'gone').length;
        if (failed > 0) openUntil = await dueSet.noteLoads(entity.name, well, failed);
      }
    };
    await Promise.all(Array.from({ length: isBulk ? 1 : Math.min(concurrency, keys.length) }, lane));
    if (outcomes.some(({ outcome }) => outcome === 'refreshed')) await dueSet.noteLoads(entity.name, 1, 0);
    return outcomes;
  }

  return {
    async refresh(given) {
      const message = decodeRefresh(given);
      if (!message) {
        // Nothing is lost: what it asked for is claimed again, or expires and is loaded by a reader.
        counters.add('refresh_dropped', { why: 'undecodable' });
        logger.warn({}, 'refresh message dropped: not one of this version');
        return { summary: 'dropped a message that is no refresh', figures: { keys: 0, dropped: 1 } };
      }
      const { entity, keys } = message;
      const rules = refreshRules(entities.get(entity));
      const isOpen = rules !== undefined && (await dueSet.openBreakers(clock.now())).has(entity);
      if (!rules || isOpen) {
        counters.add('refresh_dropped', { why: rules ? 'breaker' : 'unknown-entity' }, keys.length);
        const why = rules ? `the source of ${entity} keeps failing` : `${entity} is not refreshed by this deployment`;
        return {
          summary: `left ${keys.length} entries alone: ${why}`,
          figures: { keys: keys.length, dropped: keys.length },
        };
      }

      const expiry = new Map(keys);
      const now = clock.now();
      // What has expired meanwhile is nobody's business any more: no refresh without somebody who reads.
      const alive = keys.filter(([, expiresAt]) => expiresAt > now).map(([key]) => key);
      const outcomes = await load(rules, alive);
      const ended = outcomes.filter(({ outcome }) => outcome !== 'failed');
      await dueSet.done([
        ...ended.map(({ key, expiresAt }) => ({ key, expiresAt: expiresAt ?? 0 })),
        ...keys.filter(([key]) => !alive.includes(key)).map(([key]) => ({ key, expiresAt: 0 })),
      ]);

      const figures = {
        keys: keys.length,
        refreshed: 0,
        gone: 0,
        superseded: 0,
        failed: 0,
        expired: keys.length - alive.length,
      };
      let leadMs = 0;
      for (const { key, outcome } of outcomes) {
        if (outcome !== 'unknown-entity') figures[outcome]++;
        if (outcome === 'refreshed') leadMs += Math.max(0, (expiry.get(key) ?? 0) - clock.now());
        counters.add('refresh_done', { entity, outcome });
      }
      counters.add('refresh_lead_ms', { entity }, leadMs);
      const lead =
        figures.refreshed > 0 ? `, ${Math.round(leadMs / figures.refreshed / 1_000)} s before they expired` : '';
      const failed = figures.failed > 0 ? `, ${figures.failed} failed` : '';
      return { summary: `refreshed ${figures.refreshed} entries of ${entity}${lead}${failed}`, figures };
    },
  };
}
