/**
 * A reader waits behind one batch at most, so its p99 is the time of a batch. At full duty nearly every reader meets a
 * batch, and batches must be long enough to make the network round trip cheap. At a lower duty few readers meet one,
 * and batches can be short. In µs; see docs/hygiene.md.
 */
const LONG_BATCH_MICROS = 750;
const SHORT_BATCH_MICROS = 250;
/** Above this duty the operator wants speed. */
const LONG_BATCHES_ABOVE = 0.5;

const MIN_COUNT = 50;
const MAX_COUNT = 1_000;
const STEP = 25;

/**
 * The next COUNT: at once down to the one that would have met the target, but only one step up. A server that becomes
 * busy is relieved immediately.
 */
export function nextCount(count: number, batchMicros: number, target: number): number {
  const fitting = Math.floor((count * target) / Math.max(1, batchMicros));
  return Math.max(MIN_COUNT, Math.min(MAX_COUNT, fitting, count + STEP));
}

/** Decides the size of the next batch and the pause before it. */
export class DutyCycle {
  readonly #target: number;
  #restMicros = 0;
  #lastMicros = 0;
  /** Share of the time that batches may take, above 0 up to 1; 1 never pauses. */
  duty: number;

  constructor(maxDuty: number) {
    this.duty = maxDuty;
    this.#target = maxDuty > LONG_BATCHES_ABOVE ? LONG_BATCH_MICROS : SHORT_BATCH_MICROS;
  }

  /** One slow batch may be chance; only two in a row reduce the COUNT. */
  nextCount(count: number, batchMicros: number): number {
    const micros = Math.min(batchMicros, this.#lastMicros || batchMicros);
    this.#lastMicros = batchMicros;
    return nextCount(count, micros, this.#target);
  }

  /** Milliseconds to pause after a batch. Short pauses are added up until a timer, which counts in ms, can keep them. */
  restAfter(batchMicros: number): number {
    this.#restMicros += batchMicros * (1 / this.duty - 1);
    if (this.#restMicros < 1_000) return 0;
    const rest = this.#restMicros / 1_000;
    this.#restMicros = 0;
    return rest;
  }
}
