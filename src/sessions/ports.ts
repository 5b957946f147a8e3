import type { RedisHandle } from '../redis/types';

/** The Redis connection that sessions need: from `createRedis`, or from `fromIoredis` for an existing client. */
export type SessionRedis = Pick<RedisHandle, 'client' | 'dedicated' | 'run' | 'within' | 'nodes' | 'serverMicros'>;

/** Counts what the store refuses. `createCounters` implements it. */
export interface SessionCounters {
  add(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
}

/** Serializes a session. `parse` may be asynchronous, for example to decrypt. */
export interface SessionSerializer {
  stringify(session: unknown): string;
  parse(text: string): unknown | Promise<unknown>;
}
