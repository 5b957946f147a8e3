import type { Redis } from 'ioredis';
import type { LogicalStore, RedisHandle } from '../../redis';
import type { ServerWorkTime } from '../throttle/server-work-time';

export type Command = readonly [name: string, ...args: (string | number | Buffer)[]];

/** Runs commands together; a command that failed has an Error in its place, the others their reply as Buffers. */
export type Batch = (commands: readonly Command[]) => Promise<readonly unknown[]>;

/** One pipeline to one node: commands of single keys, whatever slots they are in. Counts their time. */
export function nodeBatch(redis: RedisHandle, client: Redis, time: ServerWorkTime, deadlineMs: number): Batch {
  return async (commands) => {
    if (commands.length === 0) return [];
    const pipeline = client.pipeline();
    for (const [name, ...args] of commands) pipeline.callBuffer(name, ...args);
    const replies = await time.of(redis.within(pipeline.exec(), { deadlineMs }));
    const results = (replies ?? []).map(([error, reply]) => error ?? reply);
    const failed = results.find((result) => result instanceof Error && !isReply(result));
    if (failed) await redis.within(Promise.reject(failed));
    return results;
  };
}

/** Each key's own master, found by the cluster client: for keys that are moving, it follows ASK and MOVED. */
export function routedBatch(redis: RedisHandle, store: LogicalStore, deadlineMs: number): Batch {
  const client = redis.client(store);
  return (commands) =>
    Promise.all(
      commands.map(([name, ...args]) =>
        redis.within(client.callBuffer(name, ...args), { deadlineMs }).catch((error: Error) => {
          if (isReply(error)) return error;
          throw error;
        }),
      ),
    );
}

/** A node's batch whose moved keys are asked for again where they live now. */
export function followingBatch(batch: Batch, routed: Batch): Batch {
  return async (commands) => {
    const replies = [...(await batch(commands))];
    const moved = [...replies.keys()].filter((index) => isMoved(replies[index]));
    const again = await routed(moved.map((index) => commands[index] as Command));
    moved.forEach((index, at) => {
      replies[index] = again[at];
    });
    return replies;
  };
}

/** The user may not touch the key, or may not run the command. */
export const isDenied = (reply: unknown): reply is Error => reply instanceof Error && /^NOPERM\b/.test(reply.message);

const isMoved = (reply: unknown): boolean => reply instanceof Error && /^(MOVED|ASK|TRYAGAIN)\b/.test(reply.message);

/** The server answered, if with a refusal; any other error means that it did not. */
const isReply = (error: Error): boolean => error.name === 'ReplyError';
