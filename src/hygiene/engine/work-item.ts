import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineError, RedisUnavailableError } from '../../redis';
import type { NodeVitals, PassKind, Scanner } from '../ports';
import { shardRecordName } from '../records/record-names';
import type { ShardRecord, SweepMessage } from '../records/sweep-record';
import { Pace } from '../throttle/duty-cycle';
import { stopReason, temperedDuty } from '../throttle/throttle-limits';
import {
  begun,
  claimed,
  ended,
  gainedSlots,
  isAtStart,
  isShort,
  judge,
  MAX_RESCANS,
  MAX_RESTARTS,
  messageOf,
  paged,
  sameServer,
  sliced,
} from './shard-state';
import type { SliceDeps, SliceResult } from './work-item-types';

export type { SliceDeps, SliceOptions, SliceResult } from './work-item-types';

const idle = { examined: 0, serverMicros: 0, changes: {} };

/** Does what one message asks for. Throws only where the record store or the queue fails: then the message comes again. */
export async function runSlice(message: SweepMessage, deps: SliceDeps): Promise<SliceResult> {
  const { records, queue, clock, options } = deps;
  const name = shardRecordName(message.pass, message.shard);
  const stored = await records.read<ShardRecord>(name);
  const now = clock.now();
  const judgement = judge(stored?.value, message, now);
  if (!stored || judgement.verdict === 'drop') return { outcome: 'dropped', ...idle };
  if (judgement.verdict === 'wait') {
    await queue.send(message, Math.ceil((judgement.untilMs - now) / 1_000));
    return { outcome: 'waiting', ...idle };
  }
  if (judgement.verdict === 'queue-next') {
    await queue.send(judgement.message);
    return { outcome: 'queued-next', ...idle };
  }
  const record = claimed(stored.value, now, options.claimMs);
  const etag = await records.write(name, record, stored.etag);
  if (etag === undefined) return { outcome: 'superseded', ...idle };
  return new Slice(deps, name, record, etag).run();
}

/** Thrown inside a slice when its record was changed by another. */
class Superseded extends Error {}

class Slice {
  readonly #deps: SliceDeps;
  readonly #kind: PassKind;
  readonly #name: string;
  readonly #began: number;
  readonly #changesBefore: Record<string, number>;
  #record: ShardRecord;
  #etag: string;
  #examined = 0;
  #serverMicros = 0;

  constructor(deps: SliceDeps, name: string, record: ShardRecord, etag: string) {
    this.#deps = deps;
    this.#kind = deps.kinds[record.pass];
    this.#name = name;
    this.#record = record;
    this.#etag = etag;
    this.#began = deps.clock.now();
    this.#changesBefore = this.#kind.changes(record.findings);
  }

  async run(): Promise<SliceResult> {
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

  async #work(): Promise<SliceResult> {
    const { shards, quiet, clock } = this.#deps;
    const quietMs = quiet.leftMs(clock.now());
    if (quietMs > 0) return this.#pause('quiet-hours', quietMs);
    const { pass, shard, dryRun } = this.#record;
    const scanner = await shards.open(pass, shard, { dryRun });
    if (!scanner) return this.#end('gone');
    try {
      return await this.#walk(scanner);
    } finally {
      scanner.close();
    }
  }

  async #walk(scanner: Scanner): Promise<SliceResult> {
    const { clock, options } = this.#deps;
    let vitals = await scanner.vitals();
    let savedAt = clock.now();
    let microsAtSave = this.#serverMicros;
    const pace = new Pace(options.limits.maxDuty);
    if (this.#identify(vitals) === 'unstable') return this.#end('finished', UNSTABLE);
    for (;;) {
      const page = await scanner.page(this.#record.cursor, this.#record.count);
      if (scanner.reconnected()) {
        vitals = await scanner.vitals();
        // The cursor may have met another server: the page counts only if it is still the same one.
        const met = this.#identify(vitals);
        if (met === 'unstable') return this.#end('finished', UNSTABLE);
        if (met === 'restarted') continue;
      }
      this.#kind.add(this.#record.findings, page.found);
      this.#record = paged(this.#record, page, pace.nextCount(this.#record.count, page.micros));
      this.#examined += page.examined;
      this.#serverMicros += page.micros;

      const now = clock.now();
      if (page.cursor === '0') {
        const end = await this.#atEnd(scanner);
        if (end) return end;
        continue;
      }
      if (now - savedAt >= options.saveEveryMs) {
        const after = await scanner.vitals();
        const elapsedMs = now - savedAt;
        const met = this.#identify(after);
        if (met === 'unstable') return this.#end('finished', UNSTABLE);
        if (met === 'same') {
          const reason = stopReason(vitals, after, elapsedMs, options.limits);
          if (reason) return this.#pause(reason, options.pauseMs);
          const ownMicros = this.#serverMicros - microsAtSave;
          pace.duty = temperedDuty(vitals, after, elapsedMs, ownMicros, options.limits.maxDuty);
        }
        const over = await this.#overTime(now);
        if (over) return over;
        await this.#save(claimed(this.#record, clock.now(), options.claimMs));
        vitals = after;
        savedAt = now;
        microsAtSave = this.#serverMicros;
      }
      const rest = pace.restAfter(page.micros);
      if (rest > 0) await sleep(rest);
    }
  }

  /** Begins the walk, or begins it anew where another server answers than the one it began on. */
  #identify(vitals: NodeVitals): 'same' | 'restarted' | 'unstable' {
    if (this.#record.runId === '' && this.#record.nodeId === '' && isAtStart(this.#record)) {
      this.#record = begun(this.#record, vitals);
      return 'same';
    }
    if (sameServer(this.#record, vitals)) return 'same';
    if (this.#record.restarts >= MAX_RESTARTS) return 'unstable';
    this.#kind.forget(this.#record.findings);
    this.#record = { ...begun(this.#record, vitals), restarts: this.#record.restarts + 1 };
    return 'restarted';
  }

  /** Undefined when the walk has to be done again. */
  async #atEnd(scanner: Scanner): Promise<SliceResult | undefined> {
    const vitals = await scanner.vitals();
    const met = this.#identify(vitals);
    if (met === 'restarted') return undefined;
    if (met === 'unstable') return this.#end('finished', UNSTABLE);
    const gained = gainedSlots(this.#record.slots, vitals.slotsToBe);
    const short = isShort(this.#record, vitals);
    if (!gained && !short) return this.#end('finished');
    if (this.#record.rescans >= MAX_RESCANS - (gained ? 0 : 1)) {
      return this.#end('finished', gained ? 'slots kept arriving' : 'fewer keys were examined than there were');
    }
    this.#kind.forget(this.#record.findings);
    this.#record = { ...begun(this.#record, vitals), rescans: this.#record.rescans + 1 };
    return undefined;
  }

  async #overTime(now: number): Promise<SliceResult | undefined> {
    const { options, quiet } = this.#deps;
    if (now - this.#record.startedAt > options.maxPassMs) {
      return this.#end('finished', 'it took longer than a run may');
    }
    const quietMs = quiet.leftMs(now);
    if (quietMs > 0) return this.#pause('quiet-hours', quietMs);
    if (now - this.#began < options.budgetMs) return undefined;
    return this.#handOver('continued', 0);
  }

  async #pause(reason: NonNullable<SliceResult['reason']>, ms: number): Promise<SliceResult> {
    const now = this.#deps.clock.now();
    if (now - this.#record.startedAt > this.#deps.options.maxPassMs) {
      return this.#end('finished', `it took longer than a run may; paused at last for: ${reason}`);
    }
    return { ...(await this.#handOver('paused', ms)), reason };
  }

  async #handOver(outcome: 'continued' | 'paused', delayMs: number): Promise<SliceResult> {
    await this.#save(sliced(this.#record, this.#deps.clock.now(), delayMs));
    await this.#deps.queue.send(messageOf(this.#record), Math.ceil(delayMs / 1_000));
    return this.#result(outcome);
  }

  async #end(status: 'finished' | 'gone', fault?: string): Promise<SliceResult> {
    await this.#save(ended(this.#record, status, this.#deps.clock.now(), fault));
    return this.#result(status);
  }

  async #save(record: ShardRecord): Promise<void> {
    const etag = await this.#deps.records.write(this.#name, record, this.#etag);
    if (etag === undefined) throw new Superseded();
    this.#etag = etag;
    this.#record = record;
  }

  #result(outcome: SliceResult['outcome']): SliceResult {
    const after = this.#kind.changes(this.#record.findings);
    const changes: Record<string, number> = {};
    for (const [name, value] of Object.entries(after)) changes[name] = value - (this.#changesBefore[name] ?? 0);
    return {
      outcome,
      examined: this.#examined,
      serverMicros: this.#serverMicros,
      changes,
      record: this.#record,
    };
  }
}

const UNSTABLE = 'another server answered too often';
