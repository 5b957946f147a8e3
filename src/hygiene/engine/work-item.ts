import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineError, RedisUnavailableError } from '../../redis';
import type { Scanner, SweepDeps, SweepKind } from '../ports';
import { type ShardRecord, type SweepMessage, shardRecordName } from '../records/sweep-record';
import { DutyCycle } from '../throttle/duty-cycle';
import type { ServerLoad } from '../throttle/server-load';
import { allowedDuty, type StopReason, stopReason } from '../throttle/throttle-limits';
import * as state from './shard-state';

export interface WorkItemResult {
  readonly outcome:
    | 'continued'
    | 'finished'
    | 'gone'
    | 'paused'
    /** It is not this message's turn. */
    | 'waiting'
    | 'queued-next'
    | 'dropped'
    /** Another delivery has saved the record: what this one did is not counted. */
    | 'superseded';
  /** Why it paused. */
  readonly reason?: StopReason | 'quiet-hours' | 'unreachable';
  readonly examined: number;
  readonly serverMicros: number;
  /** What this work item changed, by name. */
  readonly changes: Readonly<Record<string, number>>;
  readonly record?: ShardRecord;
}

const idle = { examined: 0, serverMicros: 0, changes: {} };

/** Handles one message. Throws only if the record store or the queue fails: then the message is delivered again. */
export async function runWorkItem(message: SweepMessage, deps: SweepDeps): Promise<WorkItemResult> {
  const { records, queue, clock, options } = deps;
  const name = shardRecordName(message.pass, message.shard);
  const stored = await records.read<ShardRecord>(name);
  const now = clock.now();
  const judgement = state.judge(stored?.value, message, now);
  if (!stored || judgement.verdict === 'drop') return { outcome: 'dropped', ...idle };
  if (judgement.verdict === 'wait') {
    await queue.send(message, Math.ceil((judgement.untilMs - now) / 1_000));
    return { outcome: 'waiting', ...idle };
  }
  if (judgement.verdict === 'queue-next') {
    await queue.send(judgement.message);
    return { outcome: 'queued-next', ...idle };
  }
  const record = state.claimed(stored.value, now, options.claimMs);
  const etag = await records.write(name, record, stored.etag);
  if (etag === undefined) return { outcome: 'superseded', ...idle };
  return new WorkItem(deps, name, record, etag).run();
}

/** Thrown inside a work item whose record another delivery has changed. */
class Superseded extends Error {}

class WorkItem {
  readonly #deps: SweepDeps;
  readonly #kind: SweepKind;
  readonly #name: string;
  readonly #startedAt: number;
  readonly #changesBefore: Record<string, number>;
  #record: ShardRecord;
  #etag: string;
  #examined = 0;
  #serverMicros = 0;

  constructor(deps: SweepDeps, name: string, record: ShardRecord, etag: string) {
    this.#deps = deps;
    this.#kind = deps.kinds[record.pass];
    this.#name = name;
    this.#record = record;
    this.#etag = etag;
    this.#startedAt = deps.clock.now();
    this.#changesBefore = this.#kind.changes(record.findings);
  }

  async run(): Promise<WorkItemResult> {
    try {
      return await this.#work().catch((error: unknown) => {
        if (!(error instanceof DeadlineError || error instanceof RedisUnavailableError)) throw error;
        return this.#pause('unreachable', this.#deps.options.pauseMs);
      });
    } catch (error: unknown) {
      if (error instanceof Superseded) return { outcome: 'superseded', ...idle };
      throw error;
    }
  }

  async #work(): Promise<WorkItemResult> {
    const { shards, quiet, clock } = this.#deps;
    const quietMs = quiet.leftMs(clock.now());
    if (quietMs > 0) return this.#pause('quiet-hours', quietMs);
    const { pass, shard, dryRun } = this.#record;
    const scanner = await shards.open(pass, shard, { dryRun });
    if (!scanner) return this.#end('gone');
    try {
      return await this.#scan(scanner);
    } finally {
      scanner.close();
    }
  }

  async #scan(scanner: Scanner): Promise<WorkItemResult> {
    const { clock, options, ending } = this.#deps;
    let load = await scanner.serverLoad();
    let savedAt = clock.now();
    let microsAtSave = this.#serverMicros;
    const dutyCycle = new DutyCycle(options.limits.maxDuty);
    if (this.#identify(load) === 'unstable') return this.#end('finished', UNSTABLE);
    for (;;) {
      const batch = await scanner.batch(this.#record.cursor, this.#record.count);
      if (scanner.reconnected()) {
        load = await scanner.serverLoad();
        // Another server may have taken the cursor: the batch counts only if it is still the same one.
        const met = this.#identify(load);
        if (met === 'unstable') return this.#end('finished', UNSTABLE);
        if (met === 'restarted') continue;
      }
      this.#kind.add(this.#record.findings, batch.found);
      this.#record = state.withBatch(this.#record, batch, dutyCycle.nextCount(this.#record.count, batch.micros));
      this.#examined += batch.examined;
      this.#serverMicros += batch.micros;

      const now = clock.now();
      if (batch.cursor === '0') {
        const end = await this.#atEnd(scanner);
        if (end) return end;
        continue;
      }
      if (now - savedAt >= options.saveEveryMs) {
        const after = await scanner.serverLoad();
        const elapsedMs = now - savedAt;
        const met = this.#identify(after);
        if (met === 'unstable') return this.#end('finished', UNSTABLE);
        if (met === 'same') {
          const reason = stopReason(load, after, elapsedMs, options.limits);
          if (reason) return this.#pause(reason, options.pauseMs);
          const ownMicros = this.#serverMicros - microsAtSave;
          dutyCycle.duty = allowedDuty(load, after, elapsedMs, ownMicros, options.limits.maxDuty);
        }
        const over = await this.#overTime(now);
        if (over) return over;
        await this.#save(state.claimed(this.#record, clock.now(), options.claimMs));
        load = after;
        savedAt = now;
        microsAtSave = this.#serverMicros;
      }
      // Its successor starts at once, elsewhere. Cut off, this message would stay hidden for minutes.
      if (ending?.aborted) return this.#handOver('continued', 0);
      const rest = dutyCycle.restAfter(batch.micros);
      if (rest > 0) await sleep(rest, undefined, ending && { signal: ending }).catch(() => {});
    }
  }

  /** Starts the scan, or restarts it if the node changed. */
  #identify(load: ServerLoad): 'same' | 'restarted' | 'unstable' {
    if (this.#record.runId === '' && this.#record.nodeId === '' && state.isAtStart(this.#record)) {
      this.#record = state.started(this.#record, load);
      return 'same';
    }
    if (state.sameServer(this.#record, load)) return 'same';
    if (this.#record.restarts >= state.MAX_RESTARTS) return 'unstable';
    this.#kind.forget(this.#record.findings);
    this.#record = { ...state.started(this.#record, load), restarts: this.#record.restarts + 1 };
    return 'restarted';
  }

  /** Undefined if the scan has to be repeated. */
  async #atEnd(scanner: Scanner): Promise<WorkItemResult | undefined> {
    const load = await scanner.serverLoad();
    const met = this.#identify(load);
    if (met === 'restarted') return undefined;
    if (met === 'unstable') return this.#end('finished', UNSTABLE);
    const gained = state.gainedSlots(this.#record.slots, load.slotsToBe);
    const short = state.isShort(this.#record, load);
    if (!gained && !short) return this.#end('finished');
    if (this.#record.rescans >= state.MAX_RESCANS - (gained ? 0 : 1)) {
      return this.#end(
        'finished',
        gained ? 'slots kept moving to this server' : 'fewer keys were examined than the server held',
      );
    }
    this.#kind.forget(this.#record.findings);
    this.#record = { ...state.started(this.#record, load), rescans: this.#record.rescans + 1 };
    return undefined;
  }

  async #overTime(now: number): Promise<WorkItemResult | undefined> {
    const { options, quiet } = this.#deps;
    if (now - this.#record.startedAt > options.maxSweepMs) {
      return this.#end('finished', 'it took longer than SWEEP_MAX_HOURS');
    }
    const quietMs = quiet.leftMs(now);
    if (quietMs > 0) return this.#pause('quiet-hours', quietMs);
    if (now - this.#startedAt < options.budgetMs) return undefined;
    return this.#handOver('continued', 0);
  }

  async #pause(reason: NonNullable<WorkItemResult['reason']>, ms: number): Promise<WorkItemResult> {
    const now = this.#deps.clock.now();
    if (now - this.#record.startedAt > this.#deps.options.maxSweepMs) {
      return this.#end('finished', `it took longer than SWEEP_MAX_HOURS; its last pause was for: ${reason}`);
    }
    return { ...(await this.#handOver('paused', ms)), reason };
  }

  async #handOver(outcome: 'continued' | 'paused', delayMs: number): Promise<WorkItemResult> {
    await this.#save(state.nextWorkItem(this.#record, this.#deps.clock.now(), delayMs));
    await this.#deps.queue.send(state.messageOf(this.#record), Math.ceil(delayMs / 1_000));
    return this.#result(outcome);
  }

  async #end(status: 'finished' | 'gone', fault?: string): Promise<WorkItemResult> {
    await this.#save(state.ended(this.#record, status, this.#deps.clock.now(), fault));
    return this.#result(status);
  }

  async #save(record: ShardRecord): Promise<void> {
    const etag = await this.#deps.records.write(this.#name, record, this.#etag);
    if (etag === undefined) throw new Superseded();
    this.#etag = etag;
    this.#record = record;
  }

  #result(outcome: WorkItemResult['outcome']): WorkItemResult {
    const after = this.#kind.changes(this.#record.findings);
    const changes: Record<string, number> = {};
    for (const [name, value] of Object.entries(after)) changes[name] = value - (this.#changesBefore[name] ?? 0);
    return { outcome, examined: this.#examined, serverMicros: this.#serverMicros, changes, record: this.#record };
  }
}

const UNSTABLE = 'the server changed too often';
