import { coerceError, errorCode, StewardError } from '../../errors';
import { isRefusal } from '../auth/credential-refresher';
import { DeadlineError, RedisModeError, RedisUnavailableError } from '../errors';

/** What ioredis adds to its errors. */
interface IoredisError extends Error {
  command?: { readonly name: string; readonly args?: unknown };
  lastNodeError?: Error;
}

/**
 * Removes the command's arguments from an error, in place: ioredis puts them on every error, and code that prints it
 * would print passwords, session ids and values.
 */
export function scrub(error: Error): Error {
  const carrying = error as IoredisError;
  if (carrying.command?.args !== undefined) carrying.command = { name: carrying.command.name };
  const { message } = error;
  const at = message.indexOf(', with args beginning with');
  if (at >= 0) {
    error.message = message.slice(0, at);
    error.stack = `${error.name}: ${error.message}`; // the stack repeats the message
  }
  if (carrying.lastNodeError) scrub(carrying.lastNodeError);
  if (error.cause instanceof Error) scrub(error.cause);
  return error;
}

const connectionMessages = [
  'Connection is closed.',
  'Reached the max retries per request limit',
  'Command aborted due to connection close',
  'None of startup nodes is available',
  'Failed to refresh slots cache.',
  'Cluster is ended.',
  'Socket closed unexpectedly',
  'Too many Cluster redirections',
];

/** Redis' answers that mean "not now": it did nothing. */
const notNow = /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|NOREPLICAS)\b/;

const socketCodes = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH'.split(' '),
);

/**
 * Maps what ioredis throws: to `E_DEADLINE` or `E_REDIS_UNAVAILABLE` if it is about time or the connection, to
 * `E_REDIS_MODE` if the settings name another kind of Redis. Any other error stays the same, without the command's
 * arguments. `sent`: whether the command may have reached the server.
 */
export function toRedisError(thrown: unknown, sent: boolean, lastError?: Error): Error {
  const error = scrub(coerceError(thrown));
  if (error instanceof StewardError) return error;
  const { message } = error;
  const fault = modeFault(error);
  if (fault) return fault;
  if (message.includes('E_DEADLINE')) {
    return new DeadlineError('the command arrived after its deadline and changed nothing', {
      cause: error,
      refused: true,
    });
  }
  const reason = lastError ? ` (${lastError.message || errorCode(lastError)})` : '';
  if (notNow.test(message)) {
    return new RedisUnavailableError(`Redis can't serve this now: ${message.split(' ')[0]}`, { cause: error });
  }
  if (isRefusal(error)) {
    return new RedisUnavailableError(`Redis refuses the sign-in: ${message}`, { cause: error });
  }
  if (connectionMessages.some((text) => message.includes(text)) || socketCodes.has(errorCode(error))) {
    const fate = sent ? 'while a command was under way; whether it was carried out is unknown' : 'and nothing was sent';
    return new RedisUnavailableError(`the connection to Redis is gone ${fate}${reason}`, { cause: error, sent });
  }
  return error;
}

/** If the server answers that it is of another kind than the settings say. No retry helps then. */
export function modeFault(error: Error): RedisModeError | undefined {
  const { message } = error;
  if (message.startsWith('MOVED ') || message.includes('SELECT is not allowed in cluster mode')) {
    return new RedisModeError('this Redis is a node of a cluster: set REDIS_MODE=cluster', { cause: error });
  }
  if (message.includes('cluster support disabled') || message.includes('Cluster mode is not enabled')) {
    return new RedisModeError('this Redis is not a cluster: set REDIS_MODE=standalone and REDIS_URL', { cause: error });
  }
  if (message.includes('DB index is out of range') || /unknown command.*select/i.test(message)) {
    return new RedisModeError('this Redis has fewer databases: set REDIS_SESSIONS_DB, _CACHE_DB and _WORK_DB to 0', {
      cause: error,
    });
  }
  return undefined;
}
