import type { Clock } from '../../src/clock';
import { coerceError } from '../../src/errors';
import type { Schedule } from '../../src/settings/ncrontab';
import { dotnetTime } from './dotnet-time';
import { UnreachableError } from './storage-watch';
import { NEVER, NEVER_GIVEN, type TimerStatus, type TimerStatusStore } from './timer-status';

export interface TimerInfo {
  readonly Schedule: { readonly AdjustForDST: true };
  readonly ScheduleStatus: TimerStatus | null;
  readonly IsPastDue: boolean;
}

export interface TimerListenerOptions {
  readonly name: string;
  readonly schedule: Schedule;
  readonly useMonitor: boolean;
  readonly runOnStartup: boolean;
  readonly store: TimerStatusStore;
  readonly clock: Clock;
  /** Calls back after `ms`; the return value cancels. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Runs the function. A rejection changes nothing: the schedule goes on. */
  readonly run: (info: TimerInfo) => Promise<void>;
  readonly warn: (message: string) => void;
}

const MINUTE = 60_000;
/** The longest that a timer of Node can wait is 24.8 days; longer waits are cut. */
const LONGEST_WAIT = 24 * 24 * 60 * MINUTE;
const FIRST_RETRY_MS = 1_000;

/** Runs one timer: never over itself, one run for however many were missed, on after any failure. */
export class TimerListener {
  readonly #options: TimerListenerOptions;
  readonly #monitored: boolean;
  #status: TimerStatus | null = null;
  #next: Date | undefined;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: TimerListenerOptions) {
    this.#options = options;
    this.#monitored = options.useMonitor && !isFrequent(options.schedule, new Date(options.clock.now()));
  }

  start(): void {
    this.#running = this.#begin();
  }

  /** Fires no more, and resolves when the run under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  /** Runs it now, beside its schedule and without a trace in its status, which is read from where it is kept. */
  async runByHand(): Promise<void> {
    const { store, name, run } = this.#options;
    try {
      await run(infoOf(this.#monitored ? ((await store.read(name)) ?? null) : null, false));
    } catch (thrown: unknown) {
      this.#sayUnlessUnreachable(thrown);
    }
  }

  /** Without its storage a listener can't start; it tries again, and the others go on meanwhile. */
  async #begin(attempt = 0): Promise<void> {
    let pastDue: boolean;
    try {
      pastDue = this.#monitored && (await this.#checkPastDue());
    } catch (thrown: unknown) {
      this.#sayUnlessUnreachable(thrown);
      const wait = Math.min(MINUTE, FIRST_RETRY_MS * 2 ** attempt);
      this.#wait(wait, () => this.#begin(attempt + 1));
      return;
    }
    if (pastDue || this.#options.runOnStartup) await this.#fire(this.#now(), pastDue);
    else this.#next = this.#options.schedule.next(this.#now());
    this.#arm();
  }

  /** Reads what was kept, or begins keeping it, so that a tick which falls into a downtime is seen afterwards. */
  async #checkPastDue(): Promise<boolean> {
    const { store, name, schedule } = this.#options;
    const now = this.#now();
    const kept = await store.read(name);
    if (kept === undefined) {
      const next = iso(schedule.next(now));
      // The first run is given a status without a last update, though one is kept: so does the real host.
      this.#status = { Last: NEVER_GIVEN, Next: next, LastUpdated: NEVER_GIVEN };
      await store.write(name, { Last: NEVER, Next: next, LastUpdated: iso(now) });
      return false;
    }
    this.#status = kept;
    // What `Next` was made from.
    const base = dateOf(kept.Last) ?? dateOf(kept.LastUpdated) ?? now;
    const expected = schedule.next(base);
    if (expected?.getTime() === dateOf(kept.Next)?.getTime()) return expected !== undefined && now > expected;
    // The schedule was changed since: an occurrence that the new one would have had in the past is not made up for.
    const passed = expected !== undefined && now > expected;
    const [from, next] = passed ? [now, schedule.next(now)] : [base, expected];
    await this.#keep({ Last: NEVER, Next: iso(next), LastUpdated: iso(from) });
    return false;
  }

  /** Runs the function; the next occurrence is the first after `occurrence`, which this run is for. */
  async #fire(occurrence: Date, isPastDue: boolean): Promise<void> {
    const { schedule, run } = this.#options;
    await run(infoOf(this.#status, isPastDue)).catch(() => {});
    this.#next = schedule.next(occurrence);
    if (!this.#monitored) return;
    await this.#keep({ Last: iso(occurrence), Next: iso(this.#next), LastUpdated: iso(occurrence) }).catch(
      (thrown: unknown) => this.#sayUnlessUnreachable(thrown),
    );
  }

  #sayUnlessUnreachable(thrown: unknown): void {
    if (thrown instanceof UnreachableError) return;
    this.#options.warn(`timer ${this.#options.name}: ${coerceError(thrown).message.split('\n')[0]}`);
  }

  async #keep(status: TimerStatus): Promise<void> {
    this.#status = status;
    await this.#options.store.write(this.#options.name, status);
  }

  /** Waits for the next occurrence; one that passed during the last run is made up for at once. */
  #arm(): void {
    if (this.#next === undefined) return;
    const wait = this.#next.getTime() - this.#options.clock.now();
    if (wait > LONGEST_WAIT) this.#wait(LONGEST_WAIT, async () => this.#arm());
    else {
      const due = this.#next;
      this.#wait(Math.max(0, wait), async () => {
        // A timer may end its wait a moment early: the run is for the occurrence all the same.
        await this.#fire(new Date(Math.max(due.getTime(), this.#options.clock.now())), false);
        this.#arm();
      });
    }
  }

  #wait(ms: number, then: () => Promise<void>): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.after(ms, () => {
      this.#running = then();
    });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** Such a timer is not monitored, whatever its options say: more than one occurrence in the minute ahead. */
function isFrequent(schedule: Schedule, now: Date): boolean {
  const first = schedule.next(now);
  const second = first && schedule.next(first);
  return second !== undefined && second.getTime() <= now.getTime() + MINUTE;
}

function infoOf(status: TimerStatus | null, isPastDue: boolean): TimerInfo {
  return { Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: isPastDue };
}

const iso = (date: Date | undefined) => (date ? dotnetTime(date) : NEVER);

/** Undefined for the year 1, which stands for never. */
function dateOf(text: string): Date | undefined {
  return text.startsWith('0001-') ? undefined : new Date(text);
}
