import type { Redis } from 'ioredis';
import type { LogicalStore, RedisHandle } from '../../redis';
import type { ServerWorkTime } from '../throttle/server-work-time';

export type Command = readonly [name: string, ...args: (string | number | Buffer)[]];

/** Sends commands together. Each reply is a Buffer or a number, or the Error of its command if that failed. */
export type SendCommands = (commands: readonly Command[]) => Promise<readonly unknown[]>;

/** Sends them to one node in one pipeline, each for a single key, whatever its slot. Counts their time. */
export function sendToNode(redis: RedisHandle, client: Redis, time: ServerWorkTime, deadlineMs: number): SendCommands {
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

/** Sends each to its key's own master: the cluster client follows ASK and MOVED for keys that are being moved. */
export function sendToOwners(redis: RedisHandle, store: LogicalStore, deadlineMs: number): SendCommands {
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

/** Sends to one node, and sends the commands of keys that have moved again to their new owners. */
export function followMoves(toNode: SendCommands, toOwners: SendCommands): SendCommands {
  return async (commands) => {
    const replies = [...(await toNode(commands))];
    const moved = [...replies.keys()].filter((index) => isMoved(replies[index]));
    const again = await toOwners(moved.map((index) => commands[index] as Command));
    moved.forEach((index, at) => {
      replies[index] = again[at];
    });
    return replies;
  };
}

/** One step of SCAN: the next cursor and the keys. */
export async function scan(
  send: SendCommands,
  cursor: string,
  count: number,
): Promise<[cursor: string, keys: Buffer[]]> {
  const [reply] = await send([['SCAN', cursor, 'COUNT', count]]);
  if (reply instanceof Error) throw reply;
  const [next, keys] = reply as [Buffer, Buffer[]];
  return [String(next), keys];
}

/** The user has no right to the key or to the command. */
export const isDenied = (reply: unknown): reply is Error => reply instanceof Error && /^NOPERM\b/.test(reply.message);

const isMoved = (reply: unknown): boolean => reply instanceof Error && /^(MOVED|ASK|TRYAGAIN)\b/.test(reply.message);

/** The server answered with an error; any other error means that it did not answer. */
const isReply = (error: Error): boolean => error.name === 'ReplyError';
