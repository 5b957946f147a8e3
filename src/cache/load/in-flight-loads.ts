import { randomBytes } from 'node:crypto';
import type { RefreshOutcome } from '../types';
import type { Loaded } from './load-source';

/** What became of a loaded value in Redis. */
export type Stored = Pick<RefreshOutcome, 'outcome' | 'expiresAt'>;

/** One load of one key in this process. */
export class Flight {
  readonly loaded: Promise<Loaded>;
  readonly stored: Promise<Stored>;
  land!: (loaded: Loaded) => void;
  crash!: (error: unknown) => void;
  /** Called last, after `land` or `crash`. */
  end!: (stored: Stored) => void;

  constructor() {
    this.loaded = new Promise((resolve, reject) => {
      this.land = resolve;
      this.crash = reject;
    });
    // Nobody may be waiting any more when it fails; whoever is gets the error all the same.
    this.loaded.catch(() => {});
    this.stored = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

/** The loads of this process: by their lease, or, while Redis is away, by their key. */
export class Flights {
  readonly #process = randomBytes(9).toString('base64url');
  #count = 0;
  readonly #byLease = new Map<string, Flight>();
  readonly #alone = new Map<string, Flight>();

  /** A token no other load has. */
  token(): string {
    this.#count += 1;
    return `${this.#process}.${this.#count.toString(36)}`;
  }

  open(lease: string): Flight {
    const flight = new Flight();
    this.#byLease.set(lease, flight);
    void flight.stored.then(() => this.#byLease.delete(lease));
    return flight;
  }

  withLease(lease: string): Flight | undefined {
    return this.#byLease.get(lease);
  }

  /** A load without a lease that may be joined: begun after this process' last write or invalidation of the key. */
  alone(key: string): Flight | undefined {
    return this.#alone.get(key);
  }

  openAlone(key: string): Flight {
    const flight = new Flight();
    this.#alone.set(key, flight);
    void flight.stored.then(() => {
      if (this.#alone.get(key) === flight) this.#alone.delete(key);
    });
    return flight;
  }

  /** A write or an invalidation: who comes later must not join what began before. All keys where none is given. */
  forget(key?: string): void {
    if (key === undefined) this.#alone.clear();
    else this.#alone.delete(key);
  }
}
