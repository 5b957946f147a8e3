import { createReclaimer } from '../../cache';
import { type Clock, SECOND } from '../../clock';
import type { Entities } from '../../entities/registry';
import { capabilitiesOf, type Glob, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import type { Settings } from '../../settings';
import { censusByCommands, censusByScript } from '../census/census-batches';
import { censusKind } from '../census/census-sweep';
import type { SweepKind } from '../ports';
import { reclaimBatches, reclaimKind } from '../reclaim/reclaim-sweep';
import type { SweepName } from '../records/sweep-record';
import type { SessionsSweepOptions } from '../sessions/session-rules';
import { sessionsByCommands, sessionsByScript } from '../sessions/sessions-batches';
import { sessionsKind } from '../sessions/sessions-sweep';
import { ServerWorkTime } from '../throttle/server-work-time';
import { followMoves, type SendCommands, sendToNode, sendToOwners } from './send-commands';
import type { NodeSweep } from './shard-source';

/** The settings that hygiene needs. */
export type HygieneSettings = Pick<Settings, Extract<keyof Settings, `SWEEP_${string}`>>;

/** One string in so many is measured: enough for a bound of a few per cent in any group that matters. */
const MEASURE_EVERY = 16;

/** Only a kind's own functions look into its findings. */
export const sweepKinds: Readonly<Record<SweepName, SweepKind>> = {
  sessions: sessionsKind as unknown as SweepKind,
  census: censusKind as unknown as SweepKind,
  reclaim: reclaimKind as unknown as SweepKind,
};

export interface NodeSweepOptions {
  readonly redis: RedisHandle;
  readonly settings: HygieneSettings;
  /** For reclaim: their prefixes and tags count. */
  readonly entities: Entities;
  /** For reclaim: declared prefixes of logical keys, as the caches have them. */
  readonly prefixes: readonly string[];
  /** Only keys that match are handled; for sessions it says which keys are sessions. Undefined: no such limit. */
  readonly only: Glob | undefined;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** What each sweep does with a server. */
export function nodeSweeps(options: NodeSweepOptions): Readonly<Record<SweepName, NodeSweep>> {
  const { redis, settings, only, deadlineMs } = options;
  const sessions: SessionsSweepOptions = {
    prefix: settings.SWEEP_SESSION_PREFIX,
    only,
    lifeMs: settings.SWEEP_SESSION_SECONDS * SECOND,
    longestMs: settings.SWEEP_SESSION_LONGEST_SECONDS * SECOND,
    inspectEvery: settings.SWEEP_INSPECT_EVERY,
    largestBytes: settings.SWEEP_LARGE_SESSION_BYTES,
  };
  const senders = (node: RedisNode, store: LogicalStore) => {
    const time = new ServerWorkTime(redis, node.client, deadlineMs);
    const toOwners = sendToOwners(redis, store, deadlineMs);
    const send: SendCommands = followMoves(sendToNode(redis, node.client, time, deadlineMs), toOwners);
    return { time, toOwners, send };
  };
  return {
    sessions: {
      stores: ['sessions'],
      async batches(node, store, method, { dryRun }) {
        const { expireNx: conditional } = await capabilitiesOf(redis);
        const { time, toOwners, send } = senders(node, store);
        const common = { redis, store, node, sessions, dryRun, conditional, deadlineMs, toOwners };
        return method === 'script' ? sessionsByScript(common) : time.timed(sessionsByCommands(common, send));
      },
    },
    census: {
      stores: ['sessions', 'cache', 'work'],
      async batches(node, store, method) {
        const { hidden } = await capabilitiesOf(redis);
        const common = {
          redis,
          store,
          node,
          only,
          deadlineMs,
          sessionPrefix: sessions.prefix,
          measures: !hidden.has('memory'),
          measureEvery: MEASURE_EVERY,
        };
        if (method === 'script') return censusByScript(common);
        const { time, send } = senders(node, store);
        return time.timed(censusByCommands(common, send));
      },
    },
    reclaim: {
      stores: ['cache'],
      async batches(node, store, _, { dryRun }) {
        const { entities, prefixes, clock } = options;
        const reclaimer = createReclaimer({ redis, entities, prefixes, clock });
        const { time, send } = senders(node, store);
        return time.timed(reclaimBatches(send, reclaimer, time, { dryRun, only }));
      },
    },
  };
}
