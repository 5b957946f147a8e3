import { setTimeout as pause } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { readHostJson } from '../../local/host/host-json';
import { QueueListener } from '../../local/host/queue-listener';
import { StorageWatch } from '../../local/host/storage-watch';
import { projectRoot } from '../../local/servers/paths';
import { createClient } from '../../src/client';
import { defineEntity } from '../../src/entities/define-entity';
import type { EntityStore } from '../../src/entities/entity-store';
import { postgresStore } from '../../src/entities/postgres';
import type { Version } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { quantile } from '../types';
import { steadyLoad } from './loads';
import { row } from './row';

const STEADY_PER_SECOND = 1_000;
const BURST_PER_SECOND = 10 * STEADY_PER_SECOND;
const QUEUE = 'bench-burst';
/** The host's. */
const LEASE_MS = 600_000;
const ALL_SAVED_WITHIN_MS = 60_000;

export interface BurstAddresses {
  readonly database: string;
  readonly redis: string;
  readonly storage: string;
}

/**
 * Lag in ms, from a write's version to its commit, at a steady thousand of `writeBehind` a second, in a burst of ten
 * times as many and after it; and how long after the burst's end the last of its writes was saved. Writers and the flush
 * share one process; messages are taken as the functions host takes them, by host.json.
 */
export async function measureBurst({ database, redis, storage }: BurstAddresses) {
  const saved: Saved[] = [];
  const settings = readSettings({
    ...{ REDIS_URL: redis, DATABASE_URL: database, AzureWebJobsStorage: storage, WRITE_BEHIND_QUEUE: QUEUE },
  });
  const client = createClient({
    ...{ settings, logger: silentLogger },
    entities: ({ pool }) => [defineEntity({ name: 'bench:row', store: watched(postgresStore({ pool }), saved) })],
  });
  await Promise.all([client.migrate(), client.redis.ready()]);
  const { queues } = await readHostJson(projectRoot);
  const service = QueueServiceClient.fromConnectionString(storage);
  const listener = new QueueListener({
    ...{ ...queues, service: async () => service, queueName: QUEUE, leaseMs: LEASE_MS },
    run: async ({ body, dequeueCount }) => void (await client.flusher.flush(body, { dequeueCount })),
    watch: new StorageWatch((_, message) => console.error(message)),
    warn: (message) => console.error(message),
  });
  listener.start();
  const accepted: Promise<unknown>[] = [];
  const load = async (part: Part, perSecond: number, ms: number) => {
    let n = 0;
    const write = () => client.cache.writeBehind(`bench:row:${part}-${n}`, row(n++));
    accepted.push(...(await steadyLoad(perSecond, ms, write)));
  };
  try {
    await load('warm', STEADY_PER_SECOND, 3_000);
    await load('steady', STEADY_PER_SECOND, 10_000);
    await load('burst', BURST_PER_SECOND, 5_000);
    const burstEnd = Date.now();
    await load('after', STEADY_PER_SECOND, 5_000);
    await Promise.all(accepted);
    const late = performance.now() + ALL_SAVED_WITHIN_MS;
    while (saved.length < accepted.length && performance.now() < late) await pause(20);
    if (saved.length < accepted.length) {
      throw new Error(`Expected ${accepted.length} writes to be saved, got ${saved.length}`);
    }
    const of = (part: Part) => saved.filter(({ key }) => key.startsWith(`bench:row:${part}-`));
    const p99 = (part: Part) => quantile(of(part).map(lagMs), 0.99);
    return {
      ...{ steadyLagP99Ms: p99('steady'), burstLagP99Ms: p99('burst'), afterBurstLagP99Ms: p99('after') },
      burstDrainMs: of('burst').reduce((last, { savedAt }) => Math.max(last, savedAt - burstEnd), 0),
    };
  } finally {
    await listener.stop();
    await client.close();
  }
}

type Part = 'warm' | 'steady' | 'burst' | 'after';
interface Saved {
  readonly key: string;
  readonly version: Version;
  readonly savedAt: number;
}

/** A version is the microsecond in which its write was accepted, and three digits of the writer. */
const lagMs = ({ version, savedAt }: Saved): number => savedAt - Number(version.slice(0, 16)) / 1_000;

/** The store, and a note of each row that it saved. */
function watched(store: EntityStore, saved: Saved[]): EntityStore {
  return {
    ...store,
    async saveMany(rows) {
      const outcomes = await store.saveMany(rows);
      const savedAt = Date.now();
      for (const [at, { key, version }] of rows.entries()) {
        if (outcomes[at]?.saved) saved.push({ key, version, savedAt });
      }
      return outcomes;
    },
  };
}
