import { setTimeout as pause } from 'node:timers/promises';

/** `callers` of them, each with its next call as soon as the last has ended, until `done` answers true. */
export async function fullLoad(callers: number, call: () => Promise<unknown>, done: () => boolean): Promise<void> {
  const caller = async () => {
    while (!done()) await call();
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/**
 * Calls at a fixed rate, whether or not the one before has been answered: a slow callee cannot slow its load. Resolves
 * with the calls when the last has begun.
 */
export async function steadyLoad<T>(perSecond: number, ms: number, call: () => Promise<T>): Promise<Promise<T>[]> {
  const started = performance.now();
  const under: Promise<T>[] = [];
  for (let due = 0; due < ms; ) {
    const elapsed = performance.now() - started;
    for (; due <= elapsed && due < ms; due += 1_000 / perSecond) {
      const one = call();
      // The caller awaits it later. Until then a failure must not end the process and leave its servers running.
      one.catch(() => {});
      under.push(one);
    }
    await pause(1);
  }
  return under;
}
