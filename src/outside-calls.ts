import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs `work` in the async context in which this module was loaded, for what outlives the call that happens to need it
 * first: a connection, a timer. In the caller's context, its log lines and traces would be filed under that call for ever.
 */
export const outsideCalls: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();
