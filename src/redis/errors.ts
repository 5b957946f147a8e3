import { StewardError } from '../errors';

/** The caller's time is up. Whether the command was carried out is unknown, unless the server itself refused it. */
export class DeadlineError extends StewardError {
  readonly code = 'E_DEADLINE';
  /** True where the server answered that it came too late: then it changed nothing, for certain. */
  readonly refused: boolean;

  constructor(message: string, options?: { cause?: unknown; refused?: boolean }) {
    super(message, options);
    this.refused = options?.refused ?? false;
  }
}

/** No connection. */
export class RedisUnavailableError extends StewardError {
  readonly code = 'E_REDIS_UNAVAILABLE';
  /**
   * False: nothing was sent, so nothing happened. True: the connection broke while the command was under way, and
   * whether it was carried out is unknown.
   */
  readonly sent: boolean;

  constructor(message: string, options?: { cause?: unknown; sent?: boolean }) {
    super(message, options);
    this.sent = options?.sent ?? false;
  }
}

/** The server isn't what the settings say, so that no retry will help: a cluster spoken to as one server, say. */
export class RedisModeError extends StewardError {
  readonly code = 'E_REDIS_MODE';
}

/** Redis did not answer in time or could not be reached. The same command may succeed later. */
export const isRedisUnavailable = (error: unknown): boolean =>
  error instanceof DeadlineError || error instanceof RedisUnavailableError;

/** Redis refuses writes for now: its memory is full and it may evict nothing, or it cannot save to disk. */
const isRefusingWrites = (error: unknown): boolean => error instanceof Error && /^(OOM|MISCONF)\b/.test(error.message);

/** Redis did not take the write, but may take it when it is sent again. */
export const isRetryableWrite = (error: unknown): boolean => isRedisUnavailable(error) || isRefusingWrites(error);

/** The key holds a value of another Redis type, so this library did not write it. MGET answers nil for it; GET fails. */
export const isWrongType = (error: unknown): boolean => String(error).includes('WRONGTYPE');
