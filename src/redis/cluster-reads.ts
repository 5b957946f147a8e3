import type { Cluster, Redis } from 'ioredis';
import type { Clock } from '../clock';
import type { Read } from './batched-read';
import type { Gate } from './circuit-breaker';
import type { Gates } from './circuit-breakers';
import { slotAddress } from './connection/nodes';
import { DeadlineError, isWrongType } from './errors';
import { slotOf } from './slot';
import type { RedisHandle } from './types';

/** A node says that the slot is elsewhere, or not served now: the cluster client knows what to do then. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/** The reads of one master, and what its breaker will be told. */
interface Part {
  readonly gate: Gate;
  /** Undefined where there is no connection that can be sent to at once. */
  readonly node: Redis | undefined;
  readonly reads: Read[];
  open: number;
  failure: unknown;
}

interface GetEachOptions {
  readonly redis: RedisHandle;
  readonly gates: Gates;
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** `at`: local time of the answer, in ms. */
  answer(read: Read, raw: string | null, at: number): void;
}

/**
 * One GET a key, those of a node in one write to its socket, with one timer for all and one count a node. Tells each
 * read what became of it.
 */
export function getEach(
  reads: readonly Read[],
  client: Cluster,
  { redis, gates, deadlineMs, clock, answer }: GetEachOptions,
): void {
  let open = reads.length;

  /** False where it has been told already. */
  function settle(part: Part, read: Read, error?: unknown): boolean {
    if (read.settled) return false;
    read.settled = true;
    part.failure ??= error;
    part.open -= 1;
    if (part.open === 0) part.gate.count(part.failure);
    open -= 1;
    if (open === 0) clearTimeout(timer);
    return true;
  }

  function tell(part: Part, read: Read, raw: string | null, at: number): void {
    if (settle(part, read)) answer(read, raw, at);
  }

  function giveUp(part: Part, read: Read, error: unknown): void {
    if (settle(part, read, error)) read.failed(error);
  }

  function fail(part: Part, read: Read, error: unknown): void {
    if (isWrongType(error)) tell(part, read, '', clock.now());
    // What an error of ioredis means is the handle's to say.
    else redis.within(Promise.reject(error)).catch((mapped: unknown) => giveUp(part, read, mapped));
  }

  function single(part: Part, read: Read): void {
    client.get(read.physical).then(
      (raw) => tell(part, read, raw, clock.now()),
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
          const read = part.reads[index] as Read;
          const [error, raw] = results?.[index] ?? [new Error('the pipeline has no answer for a key')];
          if (error === null) tell(part, read, raw as string | null, at);
          else if (ELSEWHERE.test(error.message)) single(part, read);
          else fail(part, read, error);
        }
      },
      (error: unknown) => {
        for (const read of part.reads) fail(part, read, error);
      },
    );
  }

  function refuse(part: Part): void {
    open -= part.reads.length;
    const error = part.gate.refusal();
    for (const read of part.reads) {
      read.settled = true;
      read.failed(error);
    }
  }

  const parts = byNode(reads, client, gates);
  const timer = setTimeout(() => {
    const error = new DeadlineError(`no answer from Redis within ${deadlineMs} ms`);
    for (const part of parts) for (const read of part.reads) giveUp(part, read, error);
  }, deadlineMs);
  for (const part of parts) {
    if (part.gate.isOpen) refuse(part);
    else if (part.node !== undefined) together(part, part.node);
    else for (const read of part.reads) single(part, read);
  }
  if (open === 0) clearTimeout(timer);
}

/** The reads of each master, as the slots are known here. */
function byNode(reads: readonly Read[], client: Cluster, gates: Gates): Part[] {
  const masters = new Map<string, Redis>();
  for (const node of client.nodes('master')) {
    if (node.status === 'ready') masters.set(`${node.options.host}:${node.options.port}`, node);
  }
  const parts = new Map<string, Part>();
  for (const read of reads) {
    const address = slotAddress(client, slotOf(read.hashTag));
    const part = parts.get(address ?? '');
    if (part === undefined) {
      const node = address === undefined ? undefined : masters.get(address);
      parts.set(address ?? '', { gate: gates.of(address), node, reads: [read], open: 1, failure: undefined });
    } else {
      part.reads.push(read);
      part.open += 1;
    }
  }
  return [...parts.values()];
}
