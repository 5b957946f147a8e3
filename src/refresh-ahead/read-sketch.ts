/** Cells of the table; an entry has two. */
const CELLS = 1_048_576;
/** After so many increments the table is emptied: until then one entry in a hundred at most shares both of its cells. */
const RENEW_AFTER = CELLS / 8;

/**
 * Counts how often each entry was read, up to a few times, in a fixed 1 MB however many entries there are: a
 * count-min sketch with conservative update. It may count too much, rarely; entries that were counted when the table is
 * emptied are counted anew. An entry is a key with the end of its life, so a refreshed one begins at zero.
 */
export class ReadSketch {
  readonly #cells = new Uint8Array(CELLS);
  #increments = 0;

  constructor(private readonly upTo: number) {}

  /** Reads of the entry so far, this one included; one more than `upTo` stands for all that are more. */
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
