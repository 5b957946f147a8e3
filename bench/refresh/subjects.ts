import { createClient } from '../../src/client';
import { defineEntity } from '../../src/entities/define-entity';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { cacheManagerPeer } from '../cache/peers';
import { generator } from '../random';
import { type Counted, oldValue, type RefreshLoad, type Span, slowSource, type Value } from './load';

/** A way to keep entries fresh, as a web app uses it. */
export interface Subject {
  keyOf(rank: number): string;
  get(key: string): Promise<Value>;
  set(key: string, value: Value, ttlSeconds: number): Promise<unknown>;
  close(): Promise<unknown>;
}

type Make = (load: RefreshLoad, counted: Counted, span: () => Span | undefined) => Promise<Subject>;

export const makers = {
  refreshAhead: async (load, counted, span) => ours(load, 'bench:ahead', counted, span),
  plainTtl: async (load, counted, span) => ours(load, 'bench:plain', counted, span),
  async cacheManager({ redisUrl, ttlSeconds, fraction, sourceMs }, counted, span) {
    const ttl = ttlSeconds * 1_000;
    const source = slowSource(sourceMs, counted, span);
    const peer = await cacheManagerPeer(redisUrl, { ttl, refreshThreshold: ttl * (1 - fraction) });
    return {
      keyOf: (rank) => `bench:manager:${rank}`,
      get: (key) => peer.get(key, async () => (await source([key])).get(key)) as Promise<Value>,
      set: (key, value, seconds) => peer.set(key, value, seconds * 1_000),
      close: () => peer.close(),
    };
  },
} satisfies Record<string, Make>;

export type SubjectName = keyof typeof makers;

/** Of the web app and of the jobs: an hour of life and a planner each minute, in less time. */
export function clientOf(load: RefreshLoad, counted: Counted, span: () => Span | undefined) {
  const loadMany = slowSource(load.sourceMs, counted, span);
  const common = { ttlSeconds: load.ttlSeconds, jitter: 0, loadMany };
  return createClient({
    settings: readSettings({
      ...{ REDIS_URL: load.redisUrl, AzureWebJobsStorage: load.storage, REDIS_DEADLINE_MS: '5000' },
      REFRESH_QUEUE_LATENCY_SECONDS: '5',
      REFRESH_MAX_KEYS: String(2 * load.keys),
      REFRESH_BUDGET_PER_MINUTE: String(2 * load.keys),
    }),
    entities: [
      defineEntity<Value>({ name: 'bench:plain', ...common }),
      defineEntity<Value>({ name: 'bench:ahead', ...common, refreshAhead: { fraction: load.fraction } }),
    ],
    logger: silentLogger,
  });
}

function ours(load: RefreshLoad, entity: string, counted: Counted, span: () => Span | undefined): Subject {
  const client = clientOf(load, counted, span);
  return {
    keyOf: (rank) => `${entity}:${rank}`,
    get: (key) => client.cache.get<Value>(key) as Promise<Value>,
    set: (key, value, ttlSeconds) => client.cache.set(key, value, { ttlSeconds, jitter: 0 }),
    close: () => client.close(),
  };
}

/** Fills the cache as if it had run for a while: the rest of the lives is spread evenly. */
export async function fill(subject: Subject, { keys, ttlSeconds, seed }: RefreshLoad): Promise<void> {
  const random = generator(seed);
  for (let from = 0; from < keys; from += 500) {
    const ranks = Array.from({ length: Math.min(500, keys - from) }, (_, index) => from + index);
    await Promise.all(
      ranks.map((rank) => subject.set(subject.keyOf(rank), oldValue, Math.max(1, ttlSeconds * random()))),
    );
  }
}
