/** What was seen of a key since the last flush. */
export interface Seen {
  reads: number;
  expiresAt: number;
  asked: boolean;
}

/**
 * The keys that are read most, in bounded memory (Misra and Gries): when the sketch is full, everybody loses a read and
 * who has none left makes room, so a key read more often than once in `capacity` reads is never missed.
 */
export class HotKeys {
  #seen = new Map<string, Seen>();

  constructor(private readonly capacity: number) {}

  read(key: string, expiresAt: number): void {
    const seen = this.#seen.get(key);
    if (seen) {
      seen.reads++;
      seen.expiresAt = expiresAt;
    } else if (this.#seen.size < this.capacity) {
      this.#seen.set(key, { reads: 1, expiresAt, asked: false });
    } else {
      this.#fade();
    }
  }

  /** A read asks for a refresh; false where there is no room to remember it. */
  ask(key: string, expiresAt: number): boolean {
    this.read(key, expiresAt);
    const seen = this.#seen.get(key);
    if (seen) seen.asked = true;
    return seen !== undefined;
  }

  /** What was seen, and begins anew. */
  take(): ReadonlyMap<string, Seen> {
    const taken = this.#seen;
    this.#seen = new Map();
    return taken;
  }

  #fade(): void {
    for (const [key, seen] of this.#seen) {
      seen.reads--;
      if (seen.reads <= 0 && !seen.asked) this.#seen.delete(key);
    }
  }
}
