import { addUser, type RunningRedis } from '../../local/servers';
import { type Clock, systemClock } from '../../src/clock';
import { type Entities, entityRegistry } from '../../src/entities/registry';
import { closePass } from '../../src/hygiene/engine/finish-sweep';
import { queueShards, startPass } from '../../src/hygiene/engine/plan-sweeps';
import { redisShards } from '../../src/hygiene/engine/shard-source';
import { passKinds, passWork } from '../../src/hygiene/engine/sweep-kinds';
import { runSlice, type SliceDeps, type SliceOptions, type SliceResult } from '../../src/hygiene/engine/work-item';
import type { PassRecordStore, SweepQueue } from '../../src/hygiene/ports';
import { memoryRecords } from '../../src/hygiene/records/memory-records';
import { passRecordName } from '../../src/hygiene/records/record-names';
import type { PassName, PassRecord, PassSummary, SweepMessage } from '../../src/hygiene/records/sweep-record';
import { type HygieneSettings, sliceOptions } from '../../src/hygiene/sweep-deps';
import { quietHours } from '../../src/hygiene/throttle/quiet-hours';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';
import { readSettings } from '../../src/settings';

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

export interface Rig extends SliceDeps {
  readonly queue: ReturnType<typeof memoryQueue>;
}

export function rig(
  redis: RedisHandle,
  settings: HygieneSettings,
  overrides: Partial<Pick<SliceDeps, 'records' | 'clock' | 'shards' | 'kinds' | 'quiet'>> & {
    options?: Partial<SliceOptions>;
    deadlineMs?: number;
    entities?: Entities;
    prefixes?: readonly string[];
  } = {},
): Rig {
  const { options, deadlineMs = 5_000, entities = entityRegistry([]), prefixes = [], ...rest } = overrides;
  return {
    records: memoryRecords() as PassRecordStore,
    queue: memoryQueue(),
    shards: redisShards({
      redis,
      work: passWork({ redis, settings, deadlineMs, entities, prefixes, only: undefined, clock: systemClock }),
      way: settings.SWEEP_PAGES,
      deadlineMs,
    }),
    kinds: passKinds,
    quiet: quietHours([], 'UTC'),
    clock: systemClock as Clock,
    ...rest,
    options: { ...sliceOptions(settings), ...options },
  };
}

/** Starts a run and does every slice of it until it is closed, as the jobs would. */
export async function runPass(
  pass: PassName,
  deps: Rig,
  { dryRun = false, onSlice }: { dryRun?: boolean; onSlice?: (result: SliceResult) => Promise<void> | void } = {},
): Promise<PassSummary> {
  const stored = await deps.records.read<PassRecord>(passRecordName(pass));
  const run = await startPass(pass, { dryRun, startedAt: deps.clock.now() }, deps, stored);
  await queueShards(run!, deps, 0);
  for (;;) {
    const closed = await drain(pass, deps, onSlice);
    if (closed) return closed;
  }
}

/** Does what is queued; the summary once the run is closed. */
export async function drain(
  pass: PassName,
  deps: Rig,
  onSlice?: (result: SliceResult) => Promise<void> | void,
): Promise<PassSummary | undefined> {
  const batch = deps.queue.messages.splice(0);
  if (batch.length === 0) throw new Error('the queue is empty and the run is not closed');
  await Promise.all(
    batch.map(async (message) => {
      const result = await runSlice(message, deps);
      await onSlice?.(result);
    }),
  );
  const closing = await closePass(pass, deps);
  return closing.outcome === 'closed' ? (closing.pass.last as PassSummary) : undefined;
}
