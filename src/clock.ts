/** The time as this process believes it. Injected, so that tests can skew it, stop it and turn it back. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Whether less than `ms` have passed since `then`. A clock that was set back by more ends the time instead of stretching it. */
export const isWithin = (ms: number, then: number, now: number): boolean => Math.abs(now - then) < ms;
