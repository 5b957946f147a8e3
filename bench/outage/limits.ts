/** Of the cold read: how long it may wait for Redis, what the load then takes, and when the bench stops waiting. */
export const DEADLINE_MS = 50;
export const LOAD_MS = 20;
export const LIMIT_MS = 6_000;
