/** Cells of the table; an entry has two. */
const CELLS = 1_048_576;
/** The table is cleared after this many increments. Until then at most one entry in a hundred shares both its cells. */
const RENEW_AFTER = CELLS / 8;

/**
 * Counts the reads of each entry, up to a few, in 1 MB for any number of entries: a count-min sketch with conservative
 * update. It rarely counts too much. When the table is cleared, counting starts again. An entry is a key and the end of
 * its life, so a refreshed entry starts at zero.
 */
export class ReadSketch {
  readonly #cells = new Uint8Array(CELLS);
  #increments = 0;

  constructor(private readonly upTo: number) {}

  /** Reads of the entry so far, this one included. One more than `upTo` means "more than `upTo`". */
  add(key: string, endsAt: number): number {
    let hash = endsAt | 0;
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    const one = mix(hash) & (CELLS - 1);
    const two = mix(hash ^ 0x5bd1e995) & (CELLS - 1);
    const count = Math.min(this.#cells[one] as number, this.#cells[two] as number) + 1;
    if (count > this.upTo) return count;
    this.#cells[one] = Math.max(this.#cells[one] as number, count);
    this.#cells[two] = Math.max(this.#cells[two] as number, count);
    if (++this.#increments >= RENEW_AFTER) {
      this.#cells.fill(0);
      this.#increments = 0;
    }
    return count;
  }
}

function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
