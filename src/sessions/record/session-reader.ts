import type { Cluster, Redis } from 'ioredis';
import type { SessionRedis } from '../ports';

interface Read {
  readonly key: string;
  readonly resolve: (text: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** More keys in one MGET than this would delay each other. */
const BATCH = 64;

/**
 * Reads of requests that came in together travel together: one MGET on one server; on a cluster, where slots differ,
 * a GET each, but one write a socket. One deadline for all. A key that holds no string is absent.
 */
export class SessionReader {
  #waiting: Read[] = [];

  constructor(private readonly redis: SessionRedis) {}

  get(key: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      // After all sockets that have something to read: a tick would end after each of them.
      if (this.#waiting.push({ key, resolve, reject }) === 1) setImmediate(this.#flush);
    });
  }

  readonly #flush = (): void => {
    const reads = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < reads.length; at += BATCH) void this.#send(reads.slice(at, at + BATCH));
  };

  async #send(reads: readonly Read[]): Promise<void> {
    try {
      const client = this.redis.client('sessions');
      const keys = reads.map(({ key }) => key);
      const texts = client.isCluster ? getEach(client as Cluster, keys) : (client as Redis).mget(keys);
      const found = await this.redis.within(texts);
      for (const [index, { resolve }] of reads.entries()) resolve(found[index] ?? undefined);
    } catch (error) {
      for (const { reject } of reads) reject(error);
    }
  }
}

function getEach(cluster: Cluster, keys: readonly string[]): Promise<(string | null)[]> {
  const sockets = cluster.nodes('master').map((node) => node.stream);
  for (const socket of sockets) socket?.cork();
  const reads = keys.map((key) =>
    cluster.get(key).catch((error: Error) => {
      if (error.message.startsWith('WRONGTYPE')) return null;
      throw error;
    }),
  );
  for (const socket of sockets) socket?.uncork();
  return Promise.all(reads);
}
