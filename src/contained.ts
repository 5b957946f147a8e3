import type { EventEmitter } from 'node:events';
import type { Logger } from './logger';
import type { Counters } from './redis/counters';

/** Runs a callback whose failure must not change the outcome of a call. What it throws is dropped, now or later. */
export function contained(work: () => unknown): void {
  try {
    ignoreRejection(work());
  } catch {
    // The callback is at fault, and its caller has an answer all the same.
  }
}

/** If a callback that should return plain data returns a promise, its rejection must not end the process. */
export function ignoreRejection(result: unknown): void {
  if (isThenable(result)) Promise.resolve(result).catch(() => {});
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/** The same logger, except that it never throws. */
export function containedLogger(logger: Logger): Logger {
  const at = (level: keyof Logger): Logger[typeof level] => {
    return (fields, message) => contained(() => logger[level](fields, message));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The same `add`, except that it never throws. */
export function containedAdd(counters: Pick<Counters, 'add'>): Counters['add'] {
  return (name, labels, by) => contained(() => counters.add(name, labels, by));
}

/** The same counters, except that they never throw. */
export function containedCounters(counters: Counters): Counters {
  return {
    add: containedAdd(counters),
    set: (name, labels, value) => contained(() => counters.set(name, labels, value)),
    flush: async () => {
      await Promise.resolve()
        .then(() => counters.flush())
        .catch(() => {});
    },
  };
}

/** Calls the listeners of an event. A listener that fails stops neither the others nor the work that it listens to. */
export function announce(emitter: EventEmitter, event: string): void {
  for (const listener of emitter.rawListeners(event)) contained(() => listener.call(emitter));
}
