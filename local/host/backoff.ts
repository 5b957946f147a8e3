/**
 * How long a queue that had nothing is left alone: longer each time in a row, by chance around a doubling, between the
 * two bounds; the shortest again after a success.
 */
export class Backoff {
  readonly #min: number;
  readonly #max: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(minMs: number, maxMs: number, random: () => number = Math.random) {
    this.#min = minMs;
    this.#max = maxMs;
    this.#random = random;
  }

  /** Milliseconds until the next try. */
  next(succeeded: boolean): number {
    if (succeeded) {
      this.#failures = 0;
      return this.#min;
    }
    this.#failures += 1;
    // Past a thousand doublings the product would no longer be a number.
    const doubled = 2 ** Math.min(this.#failures - 1, 1000) * this.#min;
    return Math.min(this.#max, this.#min + (0.8 + 0.4 * this.#random()) * doubled);
  }
}
