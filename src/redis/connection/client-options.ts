import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisSettings, Target } from './target';

/** Attempt × 100 ms, capped, with a quarter of jitter so that a fleet does not reconnect in step. Attempts never end. */
export const retryDelayMs = (attempt: number, capMs: number, random: () => number = Math.random): number =>
  Math.round(Math.min(attempt * 100, capMs) * (0.75 + random() / 4));

/**
 * Options of one connection. If it breaks, SharedRedis rejects the commands that were sent; ioredis never sends them
 * again, because a write would then happen twice (docs/redis.md).
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
    // A blocking or subscribed connection may stay silent without limit.
    ...(shared && { socketTimeout: settings.REDIS_SOCKET_TIMEOUT_MS }),
    disconnectTimeout: 200,
    disableClientInfo: true,
    // The primary of this connection has become a replica: connecting again finds the new primary.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt: number) => retryDelayMs(attempt, settings.REDIS_RECONNECT_CAP_MS),
  } satisfies RedisOptions;
}

/** Where one connection goes to: the server itself, or the primary that the sentinels name. */
export function destination(target: Target, settings: RedisSettings) {
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
 * Options of the cluster client. It does not reconnect to a lost node: MOVED, the answer to the next command, names the
 * new owner of its slots. `retryDelayOnFailover: 0` because ioredis would otherwise repeat a command that was sent.
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
