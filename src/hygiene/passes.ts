import { SECOND } from '../clock';
import type { RedisHandle } from '../redis';
import { capabilitiesOf } from '../redis';
import { followingBatch, nodeBatch, routedBatch } from './batch';
import type { PassKind } from './ports';
import type { PassName } from './record';
import { sessionsKind } from './sessions/kind';
import type { SessionsPassOptions } from './sessions/options';
import { sessionsCommandPager, sessionsScriptPager } from './sessions/pagers';
import type { HygieneSettings } from './settings';
import type { PassWork } from './shards';

/** How long one page, or one look at a server, may take before it is given up, in ms: many times the longest. */
export const PAGE_DEADLINE_MS = 5 * SECOND;

/** Kinds whose findings only their own functions look into. */
export const passKinds: Readonly<Record<PassName, PassKind>> = {
  sessions: sessionsKind as unknown as PassKind,
};

interface PassWorkOptions {
  readonly redis: RedisHandle;
  readonly settings: HygieneSettings;
  readonly deadlineMs: number;
}

export function passWork({ redis, settings, deadlineMs }: PassWorkOptions): Readonly<Record<PassName, PassWork>> {
  const sessions: SessionsPassOptions = {
    prefix: settings.SWEEP_SESSION_PREFIX,
    lifeMs: settings.SWEEP_SESSION_SECONDS * SECOND,
    longestMs: settings.SWEEP_SESSION_LONGEST_SECONDS * SECOND,
    inspectEvery: settings.SWEEP_INSPECT_EVERY,
    largestBytes: settings.SWEEP_LARGE_SESSION_BYTES,
  };
  return {
    sessions: {
      stores: ['sessions'],
      async pager(node, store, way, { dryRun }) {
        const { expireNx: conditional } = await capabilitiesOf(redis);
        const routed = routedBatch(redis, store, deadlineMs);
        const common = { redis, store, node, sessions, dryRun, conditional, deadlineMs, routed };
        return way === 'script'
          ? sessionsScriptPager(common)
          : sessionsCommandPager(common, followingBatch(nodeBatch(redis, node.client, deadlineMs), routed));
      },
    },
  };
}
