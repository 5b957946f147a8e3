import type { RedisHandle } from '../redis/types';

/** What sessions need of Redis; `createRedis` gives it, and `fromIoredis` makes it of a client the app has already. */
export type SessionRedis = Pick<RedisHandle, 'client' | 'dedicated' | 'run' | 'within' | 'nodes' | 'serverMicros'>;

/** Where the store counts what it refuses. `createCounters` fits. */
export interface SessionCounters {
  add(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
}

/** Writes and reads a session. `parse` may be asynchronous, for example to decrypt. */
export interface SessionSerializer {
  stringify(session: unknown): string;
  parse(text: string): unknown | Promise<unknown>;
}
