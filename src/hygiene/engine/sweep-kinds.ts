import { createReclaimer } from '../../cache';
import { type Clock, SECOND } from '../../clock';
import type { Entities } from '../../entities/registry';
import { capabilitiesOf, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import type { Glob } from '../../redis/glob';
import { censusCommandPager, censusScriptPager } from '../census/census-batches';
import { censusKind } from '../census/census-sweep';
import type { PassKind } from '../ports';
import { reclaimPager } from '../reclaim/reclaim-pager';
import { reclaimKind } from '../reclaim/reclaim-sweep';
import type { PassName } from '../records/sweep-record';
import type { SessionsPassOptions } from '../sessions/session-rules';
import { sessionsCommandPager, sessionsScriptPager } from '../sessions/sessions-batches';
import { sessionsKind } from '../sessions/sessions-sweep';
import type { HygieneSettings } from '../sweep-deps';
import { ServerWorkTime } from '../throttle/server-work-time';
import { type Batch, followingBatch, nodeBatch, routedBatch } from './send-commands';
import type { PassWork } from './shard-source';

/** How long one page, or one look at a server, may take before it is given up, in ms: many times the longest. */
export const PAGE_DEADLINE_MS = 5 * SECOND;
/** Every so many strings one is measured: enough for a bound of a few per cent in any group that matters. */
const MEASURE_EVERY = 16;

/** Kinds whose findings only their own functions look into. */
export const passKinds: Readonly<Record<PassName, PassKind>> = {
  sessions: sessionsKind as unknown as PassKind,
  census: censusKind as unknown as PassKind,
  reclaim: reclaimKind as unknown as PassKind,
};

interface PassWorkOptions {
  readonly redis: RedisHandle;
  readonly settings: HygieneSettings;
  readonly entities: Entities;
  /** Declared prefixes of logical keys, as the caches have them. */
  readonly prefixes: readonly string[];
  /** Only keys that match are looked at; for sessions it says which keys are sessions. Undefined: no such limit. */
  readonly only: Glob | undefined;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** What each pass does with a server. */
export function passWork(options: PassWorkOptions): Readonly<Record<PassName, PassWork>> {
  const { redis, settings, only, deadlineMs } = options;
  const sessions: SessionsPassOptions = {
    prefix: settings.SWEEP_SESSION_PREFIX,
    only,
    lifeMs: settings.SWEEP_SESSION_SECONDS * SECOND,
    longestMs: settings.SWEEP_SESSION_LONGEST_SECONDS * SECOND,
    inspectEvery: settings.SWEEP_INSPECT_EVERY,
    largestBytes: settings.SWEEP_LARGE_SESSION_BYTES,
  };
  const asking = (node: RedisNode, store: LogicalStore): { time: ServerWorkTime; routed: Batch; batch: Batch } => {
    const time = new ServerWorkTime(redis, node.client, deadlineMs);
    const routed = routedBatch(redis, store, deadlineMs);
    return { time, routed, batch: followingBatch(nodeBatch(redis, node.client, time, deadlineMs), routed) };
  };
  return {
    sessions: {
      stores: ['sessions'],
      async pager(node, store, way, { dryRun }) {
        const { expireNx: conditional } = await capabilitiesOf(redis);
        const { time, routed, batch } = asking(node, store);
        const common = { redis, store, node, sessions, dryRun, conditional, deadlineMs, routed };
        return way === 'script' ? sessionsScriptPager(common) : time.pager(sessionsCommandPager(common, batch));
      },
    },
    census: {
      stores: ['sessions', 'cache', 'work'],
      async pager(node, store, way) {
        const { hidden } = await capabilitiesOf(redis);
        const common = {
          ...{ redis, store, node, only, deadlineMs },
          sessionPrefix: sessions.prefix,
          measures: !hidden.has('memory'),
          measureEvery: MEASURE_EVERY,
        };
        if (way === 'script') return censusScriptPager(common);
        const { time, batch } = asking(node, store);
        return time.pager(censusCommandPager(common, batch));
      },
    },
    reclaim: {
      stores: ['cache'],
      async pager(node, store, _, { dryRun }) {
        const { entities, prefixes, clock } = options;
        const reclaimer = createReclaimer({ redis, entities, prefixes, clock });
        const { time, batch } = asking(node, store);
        return time.pager(reclaimPager(batch, reclaimer, time, { dryRun, only }));
      },
    },
  };
}
