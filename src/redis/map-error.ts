import { coerceError, errorCode, StewardError } from '../errors';
import { DeadlineError, RedisUnavailableError } from './errors';

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

/** Redis' own words for "not now": it answered, and did nothing. */
const notNow = /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY)\b/;

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * What ioredis throws, as one of our two errors where it is about time or the connection; any other error stays
 * itself. `sent`: whether the command may have reached the server.
 */
export function toRedisError(thrown: unknown, sent: boolean, lastError?: Error): Error {
  const error = coerceError(thrown);
  if (error instanceof StewardError) return error;
  const { message } = error;
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
  if (connectionMessages.some((text) => message.includes(text)) || socketCodes.has(errorCode(error))) {
    const fate = sent ? 'while a command was under way; whether it was carried out is unknown' : 'and nothing was sent';
    return new RedisUnavailableError(`the connection to Redis is gone ${fate}${reason}`, { cause: error, sent });
  }
  return error;
}
