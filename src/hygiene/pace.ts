/**
 * A reader waits behind one page at most, so its p99 is the page's time. At full duty nearly every reader meets a page,
 * and pages must be long enough that the way to the server and back does not count; at less, few do, and pages may be
 * short. In µs; see docs/hygiene.md.
 */
const FULL_TARGET = 500;
const GENTLE_TARGET = 250;
/** Above this duty speed is what was asked for. */
const GENTLE_DUTY = 0.5;

const MIN_COUNT = 50;
const MAX_COUNT = 1_000;
const STEP = 25;

/**
 * The next COUNT: halved where pages took more than 1.5 of the target, a little more where they took under 0.8 of it.
 * Fast down and slow up, so that a server that becomes busy is spared at once.
 */
export function nextCount(count: number, pageMicros: number, target: number): number {
  if (pageMicros > 1.5 * target) return Math.max(MIN_COUNT, Math.floor(count / 2));
  if (pageMicros < 0.8 * target) return Math.min(MAX_COUNT, count + STEP);
  return count;
}

/** How large the next page is, and how long to rest before it. */
export class Pace {
  readonly #target: number;
  #owedMicros = 0;
  #lastMicros = 0;
  /** Share of the time that pages may take, above 0 up to 1; 1 never rests. */
  duty: number;

  constructor(maxDuty: number) {
    this.duty = maxDuty;
    this.#target = maxDuty > GENTLE_DUTY ? FULL_TARGET : GENTLE_TARGET;
  }

  /** One slow page may be the machine's doing: only two in a row make the next one smaller. */
  nextCount(count: number, pageMicros: number): number {
    const micros = Math.min(pageMicros, this.#lastMicros || pageMicros);
    this.#lastMicros = pageMicros;
    return nextCount(count, micros, this.#target);
  }

  /**
   * Milliseconds to rest after a page. Rests are collected until they are worth a timer, whose grain is a millisecond,
   * and given back in one piece.
   */
  restAfter(pageMicros: number): number {
    this.#owedMicros += pageMicros * (1 / this.duty - 1);
    if (this.#owedMicros < 1_000) return 0;
    const rest = this.#owedMicros / 1_000;
    this.#owedMicros = 0;
    return rest;
  }
}
