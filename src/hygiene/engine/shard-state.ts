import type { NodeVitals, Page } from '../ports';
import type { NodeIdentity, PassRecord, ShardRecord, SweepMessage } from '../records/sweep-record';

/** The shard's states, as pure functions: no clock, no storage, no server. */

/** More changes of server than this in one run mean that the cache is not fit to be walked now. */
export const MAX_RESTARTS = 5;
/** A second walk that is short of keys as well is reported, not repeated. */
export const MAX_RESCANS = 2;
/** Share of the expected keys that may be missing before a walk counts as short. */
const SHORTFALL = 0.01;
/** SCAN starts at a COUNT whose page is short on any server; the pace takes it from there. */
const FIRST_COUNT = 100;

export function newShard<F>(
  run: Pick<PassRecord, 'pass' | 'passId' | 'dryRun'>,
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
  /** Another delivery works on it, or it may not run yet. */
  | { readonly verdict: 'wait'; readonly untilMs: number }
  /** The slice was saved, but perhaps its continuation was never queued. */
  | { readonly verdict: 'queue-next'; readonly message: SweepMessage }
  | { readonly verdict: 'drop' };

/** What a delivered message means, given the record as it is. */
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

/** No page of this walk has been done yet. */
export const isAtStart = (record: ShardRecord): boolean => record.examined === 0 && record.cursor === '0';

export const sameServer = (one: NodeIdentity, other: NodeIdentity): boolean =>
  one.runId === other.runId && one.nodeId === other.nodeId;

/** The walk begins, or begins anew, at the first cursor of the server that answers now. */
export function begun<F>(record: ShardRecord<F>, vitals: NodeVitals, count = record.count): ShardRecord<F> {
  return {
    ...record,
    cursor: '0',
    runId: vitals.runId,
    nodeId: vitals.nodeId,
    slots: vitals.slots,
    baseline: { keys: vitals.keys, expired: vitals.expired, evicted: vitals.evicted },
    memory: { usedBytes: vitals.usedBytes, capacityBytes: vitals.capacityBytes },
    examined: 0,
    count,
  };
}

/** A page was done. `findings` are the caller's to add. */
export const paged = <F>(record: ShardRecord<F>, page: Page, count: number): ShardRecord<F> => ({
  ...record,
  cursor: page.cursor,
  examined: record.examined + page.examined,
  pages: record.pages + 1,
  serverMicros: record.serverMicros + page.micros,
  count,
});

/** The slice is over; its continuation is the next seq. */
export const sliced = <F>(record: ShardRecord<F>, now: number, delayMs = 0): ShardRecord<F> => ({
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
  ...sliced(record, now),
  status,
  faults: fault ? [...record.faults, fault] : record.faults,
});

/** What was in `after` and not in `before`, as CLUSTER NODES writes slots. */
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
 * True when a finished walk saw fewer keys than were there all the time. What the server expired or evicted meanwhile
 * is no shortfall, nor are keys that clients deleted: there are never more survivors than keys at the end.
 */
export function isShort(record: ShardRecord, atEnd: NodeVitals): boolean {
  const { keys, expired, evicted } = record.baseline;
  const left = keys - Math.max(0, atEnd.expired - expired) - Math.max(0, atEnd.evicted - evicted);
  const expected = Math.min(left, atEnd.keys);
  return expected - record.examined > expected * SHORTFALL;
}
