import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisSettings, Target } from './target';

/** Attempt × 100 ms, capped, and jittered by a quarter so that a fleet doesn't knock in step. It never gives up. */
export function retryDelayMs(attempt: number, capMs: number, random: () => number = Math.random): number {
  return Math.round(Math.min(attempt * 100, capMs) * (0.75 + random() / 4));
}

/**
 * Options of one connection. A command whose connection broke is reported, never sent again by ioredis: a write would
 * otherwise happen twice (docs/redis.md). SharedRedis does the reporting.
 */
export function redisOptions(target: Target, settings: RedisSettings, connectionName: string, shared: boolean) {
  return {
    lazyConnect: true,
    connectionName,
    username: target.username,
    password: target.password,
    ...(target.tls && { tls: target.tls }),
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    connectTimeout: settings.REDIS_SOCKET_TIMEOUT_MS,
    // A blocking or subscribed connection may be silent for as long as it likes.
    ...(shared && { socketTimeout: settings.REDIS_SOCKET_TIMEOUT_MS }),
    disconnectTimeout: 200,
    disableClientInfo: true,
    // The primary we spoke to has become a replica: whoever follows it is found by connecting again.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt: number) => retryDelayMs(attempt, settings.REDIS_RECONNECT_CAP_MS),
  } satisfies RedisOptions;
}

/** Where one connection goes to: the server itself, or the primary that the sentinels name. */
export function whereTo(target: Target, settings: RedisSettings) {
  if (!target.sentinel) return { ...target.seeds[0] };
  return {
    sentinels: [...target.seeds],
    name: target.sentinel.name,
    sentinelPassword: target.sentinel.password,
    sentinelCommandTimeout: settings.REDIS_SOCKET_TIMEOUT_MS,
    sentinelRetryStrategy: (attempt: number) => retryDelayMs(attempt, settings.REDIS_RECONNECT_CAP_MS),
    ...(target.tls && { sentinelTLS: target.tls, enableTLSForSentinelMode: true }),
  } satisfies RedisOptions;
}

/**
 * Options of the cluster client. A lost node isn't reconnected to: the next command learns by MOVED who has its slots
 * now. `retryDelayOnFailover: 0` because ioredis would otherwise send a command under way a second time.
 */
export function clusterOptions(target: Target, settings: RedisSettings, connectionName: string, shared: boolean) {
  const { retryStrategy: _, ...node } = redisOptions(target, settings, connectionName, shared);
  return {
    lazyConnect: true,
    redisOptions: node,
    clusterRetryStrategy: (attempt: number) => retryDelayMs(attempt, settings.REDIS_RECONNECT_CAP_MS),
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: settings.REDIS_SOCKET_TIMEOUT_MS,
  } satisfies ClusterOptions;
}
