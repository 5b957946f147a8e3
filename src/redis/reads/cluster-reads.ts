import type { Cluster, Redis } from 'ioredis';
import type { Clock } from '../../clock';
import type { CircuitBreaker, CircuitBreakers } from '../circuit-breaker';
import { addressOf, slotAddress } from '../connection/nodes';
import { isWrongType } from '../errors';
import { slotOf } from '../slot';
import type { RedisHandle, RunOptions } from '../types';

/** One key that is read. Exactly one of the three callbacks is called, once. */
export interface BatchedRead {
  readonly key: string;
  /** The key in Redis. */
  readonly physical: string;
  /** The part of it that decides its slot, or all of it. */
  readonly hashTag: string;
  /** When it was sent, by performance.now(); set by the batcher. */
  sentAt: number;
  /** Set by the batcher, on a cluster: each key has an answer of its own there. */
  settled: boolean;
  /** `at`: local time of the answer, in ms; reads that were answered together share it. */
  answered(raw: string | null, at: number): void;
  /** The key holds no string, so somebody else wrote it. (To an MGET it is absent.) */
  holdsNoString(at: number): void;
  failed(error: unknown): void;
}

/** A node says that another has the slot, or that nobody serves it now: the cluster client handles both. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/** The reads of one master. */
interface Part {
  readonly breaker: CircuitBreaker | undefined;
  /** Undefined if no connection to it is ready. */
  readonly node: Redis | undefined;
  readonly reads: BatchedRead[];
  open: number;
  failure: unknown;
}

interface ReadEachOptions {
  readonly redis: Pick<RedisHandle, 'within'>;
  readonly breakers: CircuitBreakers | undefined;
  readonly clock: Clock;
  readonly within: RunOptions;
  answer(read: BatchedRead, raw: string | null, at: number): void;
}

/**
 * One GET a key: those of one node in one write to its socket, one deadline for all, and one outcome a node for its
 * circuit breaker.
 */
export function readEach(reads: readonly BatchedRead[], client: Cluster, options: ReadEachOptions): void {
  const { redis, breakers, clock, within, answer } = options;
  const parts = byNode(reads, client, breakers);
  let open = reads.length;
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();

  /** False if the read is settled already. */
  function settle(part: Part, read: BatchedRead, error?: unknown): boolean {
    if (read.settled) return false;
    read.settled = true;
    part.failure ??= error;
    part.open -= 1;
    if (part.open === 0) part.breaker?.count(part.failure);
    open -= 1;
    if (open === 0) finish();
    return true;
  }

  function resolve(part: Part, read: BatchedRead, raw: string | null, at: number): void {
    if (settle(part, read)) answer(read, raw, at);
  }

  function reject(part: Part, read: BatchedRead, error: unknown): void {
    if (settle(part, read, error)) read.failed(error);
  }

  function fail(part: Part, read: BatchedRead, error: unknown): void {
    if (isWrongType(error)) {
      if (settle(part, read)) read.holdsNoString(clock.now());
      return;
    }
    // `within` maps an error of ioredis to ours.
    redis.within(Promise.reject(error)).catch((mapped: unknown) => reject(part, read, mapped));
  }

  function single(part: Part, read: BatchedRead): void {
    client.get(read.physical).then(
      (raw) => resolve(part, read, raw, clock.now()),
      (error: unknown) => fail(part, read, error),
    );
  }

  function together(part: Part, node: Redis): void {
    const pipeline = node.pipeline();
    for (const read of part.reads) pipeline.get(read.physical);
    pipeline.exec().then(
      (results) => {
        const at = clock.now();
        for (let index = 0; index < part.reads.length; index += 1) {
          const read = part.reads[index] as BatchedRead;
          const [error, raw] = results?.[index] ?? [new Error('the pipeline has no answer for a key')];
          if (error === null) resolve(part, read, raw as string | null, at);
          else if (ELSEWHERE.test(error.message)) single(part, read);
          else fail(part, read, error);
        }
      },
      (error: unknown) => {
        for (const read of part.reads) fail(part, read, error);
      },
    );
  }

  function refuse(part: Part, error: unknown): void {
    open -= part.reads.length;
    for (const read of part.reads) {
      read.settled = true;
      read.failed(error);
    }
    if (open === 0) finish();
  }

  redis.within(done, within).catch((error: unknown) => {
    for (const part of parts) for (const read of part.reads) reject(part, read, error);
  });
  for (const part of parts) {
    if (part.breaker?.isOpen) refuse(part, part.breaker.refusal());
    else if (part.node !== undefined) together(part, part.node);
    else for (const read of part.reads) single(part, read);
  }
}

/** The reads of each master, as far as this process knows the slots. */
function byNode(reads: readonly BatchedRead[], client: Cluster, breakers: CircuitBreakers | undefined): Part[] {
  const masters = new Map<string, Redis>();
  for (const node of client.nodes('master')) if (node.status === 'ready') masters.set(addressOf(node), node);
  const parts = new Map<string, Part>();
  for (const read of reads) {
    const address = slotAddress(client, slotOf(read.hashTag));
    const part = parts.get(address ?? '');
    if (part === undefined) {
      const node = address === undefined ? undefined : masters.get(address);
      parts.set(address ?? '', { breaker: breakers?.of(address), node, reads: [read], open: 1, failure: undefined });
    } else {
      part.reads.push(read);
      part.open += 1;
    }
  }
  return [...parts.values()];
}
