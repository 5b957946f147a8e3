import { randomBytes } from 'node:crypto';
import type { RefreshOutcome } from '../types';
import type { Loaded } from './load-source';

/** What became of a loaded value in Redis. */
export type Stored = Pick<RefreshOutcome, 'outcome' | 'expiresAt'>;

/** One load of one key in this process. Its states: running; `loaded` settled; `stored` resolved. */
export class InFlightLoad {
  readonly loaded: Promise<Loaded>;
  readonly stored: Promise<Stored>;
  resolve!: (loaded: Loaded) => void;
  reject!: (error: unknown) => void;
  /** Called last, after `resolve` or `reject`. */
  end!: (stored: Stored) => void;

  constructor() {
    this.loaded = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // All waiters may have gone when the load fails. Those that wait still get the error.
    this.loaded.catch(() => {});
    this.stored = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

/** The loads of this process: by lease, or by key while Redis is unavailable and grants no leases. */
export class InFlightLoads {
  readonly #process = randomBytes(9).toString('base64url');
  #count = 0;
  readonly #byLease = new Map<string, InFlightLoad>();
  readonly #unleased = new Map<string, InFlightLoad>();

  /** A token that no other load of any process has. */
  token(): string {
    this.#count += 1;
    return `${this.#process}.${this.#count.toString(36)}`;
  }

  start(lease: string): InFlightLoad {
    const inFlight = new InFlightLoad();
    this.#byLease.set(lease, inFlight);
    void inFlight.stored.then(() => this.#byLease.delete(lease));
    return inFlight;
  }

  withLease(lease: string): InFlightLoad | undefined {
    return this.#byLease.get(lease);
  }

  /** A load without a lease that a caller may join: it began after this process last wrote or invalidated the key. */
  unleased(key: string): InFlightLoad | undefined {
    return this.#unleased.get(key);
  }

  startUnleased(key: string): InFlightLoad {
    const inFlight = new InFlightLoad();
    this.#unleased.set(key, inFlight);
    void inFlight.stored.then(() => {
      if (this.#unleased.get(key) === inFlight) this.#unleased.delete(key);
    });
    return inFlight;
  }

  /** After a write or an invalidation: later callers must not join loads that began before it. All keys if none is given. */
  forget(key?: string): void {
    if (key === undefined) this.#unleased.clear();
    else this.#unleased.delete(key);
  }
}
