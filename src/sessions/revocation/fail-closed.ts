import { DeadlineError, RedisUnavailableError } from '../../redis/errors';
import { SessionsUnavailableError } from '../errors';
import type { SessionRedis } from '../ports';

/** The same way to Redis, with one error for everything that means "not now", so that a web app has one to answer. */
export function closedWhenAway(redis: SessionRedis): SessionRedis {
  return {
    client: (store) => redis.client(store),
    dedicated: (store, purpose) => redis.dedicated(store, purpose),
    serverMicros: () => redis.serverMicros(),
    run: (...args) => redis.run(...args).catch(toUnavailable),
    within: (...args) => redis.within(...args).catch(toUnavailable),
    nodes: (...args) => redis.nodes(...args).catch(toUnavailable),
  };
}

function toUnavailable(error: unknown): never {
  if (!(error instanceof DeadlineError || error instanceof RedisUnavailableError)) throw error;
  throw new SessionsUnavailableError(`Sessions are unavailable: ${error.message}`, { cause: error });
}
