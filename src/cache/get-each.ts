import type { Cluster, Redis } from 'ioredis';
import { DeadlineError } from '../redis/errors';
import { slotOf } from '../redis/slot';
import type { RedisHandle } from '../redis/types';
import type { Read } from './read';

/** A node says that the slot is elsewhere, or not served now: the cluster client knows what to do then. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/**
 * One GET a key, those of a node in one write to its socket, with one timer for all. Tells each read what became of
 * it; then resolves, or rejects with the first failure.
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

    function settle(read: Read, raw: string | null, error?: unknown): void {
      if (read.settled) return;
      read.settled = true;
      if (error === undefined) {
        read.answered(raw);
      } else {
        failure ??= error;
        read.failed(error);
      }
      open -= 1;
      if (open > 0) return;
      clearTimeout(timer);
      if (failure === undefined) resolve();
      else reject(failure);
    }

    function fail(read: Read, error: unknown): void {
      if (isWrongType(error)) settle(read, '');
      // What an error of ioredis means is the handle's to say.
      else redis.within(Promise.reject(error)).catch((mapped: unknown) => settle(read, null, mapped));
    }

    function single(read: Read): void {
      client.get(read.physical).then(
        (raw) => settle(read, raw),
        (error: unknown) => fail(read, error),
      );
    }

    function together(part: readonly Read[], node: Redis): void {
      const pipeline = node.pipeline();
      for (const read of part) pipeline.get(read.physical);
      pipeline.exec().then(
        (results) => {
          for (let index = 0; index < part.length; index += 1) {
            const read = part[index] as Read;
            const [error, raw] = results?.[index] ?? [null, null];
            if (error === null) settle(read, raw as string | null);
            else if (ELSEWHERE.test(error.message)) single(read);
            else fail(read, error);
          }
        },
        (error: unknown) => {
          for (const read of part) fail(read, error);
        },
      );
    }

    const timer = setTimeout(() => {
      const error = new DeadlineError(`no answer from Redis within ${deadlineMs} ms`);
      for (const read of reads) settle(read, null, error);
    }, deadlineMs);
    const { groups, rest } = byNode(reads, client);
    for (const [node, part] of groups) together(part, node);
    for (const read of rest) single(read);
  });
}

/** The reads of each master that can be sent to at once, as the slots are known here. */
function byNode(reads: readonly Read[], client: Cluster) {
  const masters = new Map<string, Redis>();
  for (const node of client.nodes('master')) {
    if (node.status === 'ready') masters.set(`${node.options.host}:${node.options.port}`, node);
  }
  const groups = new Map<Redis, Read[]>();
  const rest: Read[] = [];
  for (const read of reads) {
    const owner = masters.get(client.slots[slotOf(read.physical)]?.[0] ?? '');
    const group = owner && groups.get(owner);
    if (owner === undefined) rest.push(read);
    else if (group === undefined) groups.set(owner, [read]);
    else group.push(read);
  }
  return { groups, rest };
}

/** A value of another type is somebody else's: MGET says nil to it, GET refuses. */
export const isWrongType = (error: unknown): boolean => String(error).includes('WRONGTYPE');
