import type { Cluster } from 'ioredis';
import { DeadlineError } from '../redis/errors';
import type { RedisHandle } from '../redis/types';
import type { Read } from './reader';

/**
 * One GET a key, each node's in one write to its socket, with one timer for all. Tells each read what became of it;
 * then resolves, or rejects with the first failure.
 */
export function getEach(
  reads: readonly Read[],
  client: Cluster,
  redis: RedisHandle,
  deadlineMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = reads.length;
    let failure: unknown;

    function settle(read: Read, tell: () => void): void {
      if (read.settled) return;
      read.settled = true;
      tell();
      open -= 1;
      if (open > 0) return;
      clearTimeout(timer);
      if (failure === undefined) resolve();
      else reject(failure);
    }

    function fail(read: Read, error: unknown): void {
      failure ??= error;
      settle(read, () => read.failed(error));
    }

    const timer = setTimeout(() => {
      const error = new DeadlineError(`no answer from Redis within ${deadlineMs} ms`);
      for (const read of reads) fail(read, error);
    }, deadlineMs);

    const sockets = client.nodes('master').map((node) => node.stream);
    for (const socket of sockets) socket?.cork();
    for (const read of reads) {
      client.get(read.physical).then(
        (raw) => settle(read, () => read.answered(raw)),
        (error: unknown) => {
          if (isWrongType(error)) settle(read, () => read.answered(''));
          // What an error of ioredis means is the handle's to say.
          else redis.within(Promise.reject(error)).catch((mapped: unknown) => fail(read, mapped));
        },
      );
    }
    for (const socket of sockets) socket?.uncork();
  });
}

/** A value of another type is somebody else's: MGET says nil to it, GET refuses. */
export const isWrongType = (error: unknown): boolean => String(error).includes('WRONGTYPE');
