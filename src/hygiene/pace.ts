/** Page times below this keep a foreground's p99 near its idle value; see docs/hygiene.md. */
const TARGET_MICROS = 500;
const MIN_COUNT = 50;
const MAX_COUNT = 1_000;
const STEP = 25;

/**
 * The next COUNT: halved where a page took more than 1.5 of the target, a little more where it took under 0.8 of it.
 * Fast down and slow up, so that a server that becomes busy is spared at once.
 */
export function nextCount(count: number, pageMicros: number): number {
  if (pageMicros > 1.5 * TARGET_MICROS) return Math.max(MIN_COUNT, Math.floor(count / 2));
  if (pageMicros < 0.8 * TARGET_MICROS) return Math.min(MAX_COUNT, count + STEP);
  return count;
}

/**
 * How long to rest so that the pages take no more than `duty` of the time. Rests are collected until they are worth a
 * timer (whose grain is a millisecond) and given back in one piece.
 */
export class Pace {
  #owedMicros = 0;
  #duty: number;

  constructor(duty: number) {
    this.#duty = duty;
  }

  /** Between 0 and 1; 1 never rests. */
  set duty(share: number) {
    this.#duty = share;
  }

  /** Milliseconds to rest now after a page of so many µs. */
  restAfter(pageMicros: number): number {
    this.#owedMicros += pageMicros * (1 / this.#duty - 1);
    if (this.#owedMicros < 1_000) return 0;
    const rest = this.#owedMicros / 1_000;
    this.#owedMicros = 0;
    return rest;
  }
}
