/**
 * A reader waits behind one page at most, so its p99 is the page's time. At full duty nearly every reader meets a page,
 * and pages must be long enough that the way to the server and back does not count; at less, few do, and pages may be
 * short. In µs; see docs/hygiene.md.
 */
const FULL_TARGET = 750;
const GENTLE_TARGET = 250;
/** Above this duty speed is what was asked for. */
const GENTLE_DUTY = 0.5;

const MIN_COUNT = 50;
const MAX_COUNT = 1_000;
const STEP = 25;

/**
 * The next COUNT: what would have filled the target, were it less than now, and a step towards it were it more. Down at
 * once and up slowly, so that a server that becomes busy is spared.
 */
export function nextCount(count: number, pageMicros: number, target: number): number {
  const fitting = Math.floor((count * target) / Math.max(1, pageMicros));
  return Math.max(MIN_COUNT, Math.min(MAX_COUNT, fitting, count + STEP));
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

  /** One slow page may be the machine's doing: only two in a row say that pages are slow. */
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
