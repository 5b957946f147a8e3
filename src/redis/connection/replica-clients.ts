import type { Redis } from 'ioredis';
import { parseInfo } from '../capabilities';
import type { RedisNode } from '../types';
import type { SharedRedis } from './shared-client';
import type { Address } from './target';

/** Connections to the replicas behind sentinels, for observation only. Each is kept while its replica is listed. */
export class ReplicaClients {
  readonly #clients = new Map<string, SharedRedis>();

  constructor(private readonly connect: (address: Address) => SharedRedis) {}

  /** The replicas that the primary lists now. */
  async of(primary: Redis): Promise<readonly RedisNode[]> {
    const listed = replicasIn(await primary.info('replication'));
    const known = new Set(listed.map(({ host, port }) => `${host}:${port}`));
    for (const [address, client] of this.#clients) {
      if (known.has(address)) continue;
      this.#clients.delete(address);
      client.disconnect();
    }
    return listed.map(({ host, port }) => {
      const address = `${host}:${port}`;
      const client = this.#clients.get(address) ?? this.connect({ host, port });
      this.#clients.set(address, client);
      return { address, role: 'replica', client };
    });
  }

  close(): void {
    for (const client of this.#clients.values()) {
      client.disconnect();
      client.giveUp();
    }
    this.#clients.clear();
  }
}

/** `slave0:ip=10.0.0.2,port=6379,state=online,...` of INFO; replicas that still copy are left out. */
export function replicasIn(info: string): readonly Address[] {
  const lines = [...parseInfo(info)].filter(([field]) => /^slave\d+$/.test(field));
  return lines.flatMap(([, value]) => {
    const fields = new Map(value.split(',').map((pair) => pair.split('=') as [string, string]));
    const [host, port] = [fields.get('ip'), Number(fields.get('port'))];
    return host !== undefined && port > 0 && fields.get('state') === 'online' ? [{ host, port }] : [];
  });
}
