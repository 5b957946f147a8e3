import type { Clock } from '../clock';
import type { Logger } from '../logger';
import { Handle } from './handle';
import { steadyClock } from './server-clock';
import { type RedisSettings, toTarget } from './target';
import type { RedisHandle } from './types';

export interface RedisOptions {
  readonly settings: RedisSettings;
  readonly logger: Logger;
  /** What this process is to Redis, shown in CLIENT LIST: `cache-steward:<role>:<store>`. */
  readonly role: string;
  /** Local time for deadlines. Default: one that no change of the wall clock moves. */
  readonly clock?: Clock;
}

/**
 * The way to Redis for one process. Nothing connects before the first use; a lost connection is made anew for as long
 * as the process lives.
 */
export function createRedis(options: RedisOptions): RedisHandle {
  const { settings, logger, role, clock = steadyClock } = options;
  return new Handle({ target: toTarget(settings), settings, logger, role, clock });
}

export { type Capabilities, capabilitiesOf, parseInfo } from './capabilities';
export { type Counters, createCounters, readCounters } from './counters';
export { DeadlineError, RedisModeError, RedisUnavailableError } from './errors';
export { defineScript, type Script } from './script';
export type { RedisSettings } from './target';
export type {
  LogicalStore,
  RedisClient,
  RedisHandle,
  RedisNode,
  RunOptions,
  ScriptOptions,
} from './types';
