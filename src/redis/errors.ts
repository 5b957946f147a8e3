import { StewardError } from '../errors';

/** The deadline passed. Whether the command was carried out is unknown, unless the server itself refused it. */
export class DeadlineError extends StewardError {
  readonly code = 'E_DEADLINE';
  /** True if the command was refused as too late: then it certainly changed nothing. */
  readonly refused: boolean;

  constructor(message: string, options?: { cause?: unknown; refused?: boolean }) {
    super(message, options);
    this.refused = options?.refused ?? false;
  }
}

/** There is no connection, or Redis can't serve the command now. */
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

/** The settings don't fit the server, for example a cluster used as one server. No retry helps. */
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
