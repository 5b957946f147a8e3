import { StewardError } from '../errors';

/** The caller's time is up. Whether the command was carried out is unknown, unless the server itself refused it. */
export class DeadlineError extends StewardError {
  readonly code = 'E_DEADLINE';
}

/** No connection: nothing was sent. */
export class RedisUnavailableError extends StewardError {
  readonly code = 'E_REDIS_UNAVAILABLE';
}
