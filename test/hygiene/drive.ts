import { addUser, type RunningRedis } from '../../local/servers';
import { type Clock, systemClock } from '../../src/clock';
import { type Entities, entityRegistry } from '../../src/entities/registry';
import { finishSweep } from '../../src/hygiene/engine/finish-sweep';
import { queueShards, startSweep } from '../../src/hygiene/engine/plan-sweeps';
import type { HygieneSettings } from '../../src/hygiene/engine/sweep-kinds';
import { runWorkItem, type WorkItemResult } from '../../src/hygiene/engine/work-item';
import type { RecordStore, SweepDeps, SweepQueue, WorkItemOptions } from '../../src/hygiene/ports';
import type { SweepMessage, SweepName, SweepRecord, SweepSummary } from '../../src/hygiene/records/sweep-record';
import { sweepRecordName } from '../../src/hygiene/records/sweep-record';
import { sweepDeps } from '../../src/hygiene/sweep-deps';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';
import { readSettings } from '../../src/settings';
import { memoryJsonBlobs } from '../../src/storage/json-blobs';

export function settingsFor(environment: Record<string, string>) {
  return readSettings({ REDIS_CACHE_DB: '0', REDIS_WORK_DB: '0', SWEEP_DUTY: '1', ...environment });
}

export function redisFor(environment: Record<string, string>): RedisHandle {
  return createRedis({ settings: settingsFor(environment), logger: silentLogger, role: 'test' });
}

/** The app's commands on every key there is: for what is about keys of others. */
export const onEveryKey = ({ adminUrl }: RunningRedis): Promise<string> =>
  addUser(adminUrl, 'every-key', aclRules(COMMANDS.app, ['*']));

/** A queue whose delays pass at once. */
export function memoryQueue(): SweepQueue & { readonly messages: (SweepMessage & { delaySeconds: number })[] } {
  const messages: (SweepMessage & { delaySeconds: number })[] = [];
  return {
    messages,
    async send(message, delaySeconds = 0) {
      messages.push({ ...message, delaySeconds });
    },
  };
}

export interface Rig extends SweepDeps {
  readonly queue: ReturnType<typeof memoryQueue>;
}

export function rig(
  redis: RedisHandle,
  settings: HygieneSettings,
  overrides: Partial<Pick<SweepDeps, 'records' | 'clock' | 'shards' | 'kinds' | 'quiet'>> & {
    options?: Partial<WorkItemOptions>;
    deadlineMs?: number;
    entities?: Entities;
    prefixes?: readonly string[];
  } = {},
): Rig {
  const { options, deadlineMs = 5_000, entities = entityRegistry([]), prefixes = [], ...rest } = overrides;
  const queue = memoryQueue();
  const records = memoryJsonBlobs() as RecordStore;
  const common = { redis, settings, entities, prefixes, only: undefined, clock: systemClock as Clock, deadlineMs };
  const deps = sweepDeps({ ...common, records, queue });
  return { ...deps, ...rest, queue, options: { ...deps.options, ...options } };
}

/** Starts a run and does every work item of it until it is closed, as the jobs would. */
export async function runSweep(
  sweep: SweepName,
  deps: Rig,
  {
    dryRun = false,
    onWorkItem,
  }: { dryRun?: boolean; onWorkItem?: (result: WorkItemResult) => Promise<void> | void } = {},
): Promise<SweepSummary> {
  const stored = await deps.records.read<SweepRecord>(sweepRecordName(sweep));
  const run = await startSweep(sweep, { dryRun, startedAt: deps.clock.now() }, deps, stored);
  await queueShards(run!, deps, 0);
  for (;;) {
    const closed = await drain(sweep, deps, onWorkItem);
    if (closed) return closed;
  }
}

/** Does what is queued; the summary once the run is closed. */
export async function drain(
  sweep: SweepName,
  deps: Rig,
  onWorkItem?: (result: WorkItemResult) => Promise<void> | void,
): Promise<SweepSummary | undefined> {
  const batch = deps.queue.messages.splice(0);
  if (batch.length === 0) throw new Error('the queue is empty and the run is not closed');
  await Promise.all(
    batch.map(async (message) => {
      const result = await runWorkItem(message, deps);
      await onWorkItem?.(result);
    }),
  );
  const finish = await finishSweep(sweep, deps);
  return finish.outcome === 'closed' ? (finish.record.last as SweepSummary) : undefined;
}
