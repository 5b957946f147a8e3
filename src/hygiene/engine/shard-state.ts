import type { KeyBatch } from '../ports';
import type { NodeIdentity, ShardRecord, SweepMessage, SweepRecord } from '../records/sweep-record';
import type { ServerLoad } from '../throttle/server-load';

// The states of a shard, as pure functions: no clock, no storage, no server.

/** If the server changes more often than this in one run, the cache is too unstable to be swept now. */
export const MAX_RESTARTS = 5;
/** If a second scan finds too few keys as well, that is reported, not repeated. */
export const MAX_RESCANS = 2;
/** Share of the expected keys that may be missing before a scan counts as incomplete. */
const SHORTFALL = 0.01;
/** The first COUNT: its batch is short on any server. The duty cycle adjusts it. */
const FIRST_COUNT = 100;

export function newShard<F>(
  run: Pick<SweepRecord, 'pass' | 'passId' | 'dryRun'>,
  shard: string,
  findings: F,
  now: number,
): ShardRecord<F> {
  return {
    format: 1,
    pass: run.pass,
    passId: run.passId,
    dryRun: run.dryRun,
    shard,
    status: 'running',
    faults: [],
    seq: 0,
    cursor: '0',
    runId: '',
    nodeId: '',
    slots: '',
    baseline: { keys: 0, expired: 0, evicted: 0 },
    memory: { usedBytes: 0, capacityBytes: 0 },
    examined: 0,
    pages: 0,
    serverMicros: 0,
    count: FIRST_COUNT,
    restarts: 0,
    rescans: 0,
    startedAt: now,
    updatedAt: now,
    dueAt: now,
    claimedUntil: 0,
    findings,
  };
}

export type Judgement =
  | { readonly verdict: 'run' }
  /** Another delivery is working on it, or it may not run yet. */
  | { readonly verdict: 'wait'; readonly untilMs: number }
  /** The work item was saved, but its continuation may never have been queued. */
  | { readonly verdict: 'queue-next'; readonly message: SweepMessage }
  | { readonly verdict: 'drop' };

/** Decides what to do with a delivered message, given the record's state. */
export function judge(record: ShardRecord | undefined, message: SweepMessage, now: number): Judgement {
  if (!record || record.passId !== message.passId || record.status !== 'running') return { verdict: 'drop' };
  if (message.seq === record.seq) {
    return record.claimedUntil > now ? { verdict: 'wait', untilMs: record.claimedUntil } : { verdict: 'run' };
  }
  if (message.seq === record.seq - 1) return { verdict: 'queue-next', message: messageOf(record) };
  return { verdict: 'drop' };
}

export const messageOf = ({ pass, passId, shard, seq }: ShardRecord): SweepMessage => ({ pass, passId, shard, seq });

export const claimed = <F>(record: ShardRecord<F>, now: number, claimMs: number): ShardRecord<F> => ({
  ...record,
  updatedAt: now,
  claimedUntil: now + claimMs,
});

/** No batch of this scan has been done yet. */
export const isAtStart = (record: ShardRecord): boolean => record.examined === 0 && record.cursor === '0';

export const sameServer = (one: NodeIdentity, other: NodeIdentity): boolean =>
  one.runId === other.runId && one.nodeId === other.nodeId;

/** Starts or restarts the scan at the first cursor of the server that answers now. */
export function started<F>(record: ShardRecord<F>, load: ServerLoad, count = record.count): ShardRecord<F> {
  return {
    ...record,
    cursor: '0',
    runId: load.runId,
    nodeId: load.nodeId,
    slots: load.slots,
    baseline: { keys: load.keys, expired: load.expired, evicted: load.evicted },
    memory: { usedBytes: load.usedBytes, capacityBytes: load.capacityBytes },
    examined: 0,
    count,
  };
}

/** A batch was done. The caller adds its `findings`. */
export const withBatch = <F>(record: ShardRecord<F>, batch: KeyBatch, count: number): ShardRecord<F> => ({
  ...record,
  cursor: batch.cursor,
  examined: record.examined + batch.examined,
  pages: record.pages + 1,
  serverMicros: record.serverMicros + batch.micros,
  count,
});

/** The work item is over; its continuation has the next seq. */
export const nextWorkItem = <F>(record: ShardRecord<F>, now: number, delayMs = 0): ShardRecord<F> => ({
  ...record,
  seq: record.seq + 1,
  updatedAt: now,
  dueAt: now + delayMs,
  claimedUntil: 0,
});

export const ended = <F>(
  record: ShardRecord<F>,
  status: 'finished' | 'gone',
  now: number,
  fault?: string,
): ShardRecord<F> => ({
  ...nextWorkItem(record, now),
  status,
  faults: fault ? [...record.faults, fault] : record.faults,
});

/** True if `after` has slots that `before` lacks, both as CLUSTER NODES writes them. */
export function gainedSlots(before: string, after: string): boolean {
  const had = slotSet(before);
  for (const slot of slotSet(after)) if (!had.has(slot)) return true;
  return false;
}

function slotSet(text: string): Set<number> {
  const slots = new Set<number>();
  for (const range of text.split(' ')) {
    if (range === '') continue;
    const [from, to = from] = range.split('-');
    for (let slot = Number(from); slot <= Number(to); slot += 1) slots.add(slot);
  }
  return slots;
}

/**
 * True if a finished scan saw fewer keys than existed all the time. Keys that expired or were evicted meanwhile do not
 * count as missing, and neither do keys that clients deleted: the survivors are at most the keys at the end.
 */
export function isShort(record: ShardRecord, atEnd: ServerLoad): boolean {
  const { keys, expired, evicted } = record.baseline;
  const left = keys - Math.max(0, atEnd.expired - expired) - Math.max(0, atEnd.evicted - evicted);
  const expected = Math.min(left, atEnd.keys);
  return expected - record.examined > expected * SHORTFALL;
}
