import { performance } from 'node:perf_hooks';
import type { Client } from 'pg';
import { startAzurite, startPostgres, startRedis } from '../../local/servers';
import { createClient } from '../../src/client';
import { systemClock } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import type { WriteRow } from '../../src/entities/entity-store';
import { postgresStore, type SqlPool } from '../../src/entities/postgres';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { createDeadLetters, createFlusher } from '../../src/write-behind';
import { encodeRow } from '../../src/write-behind/journal/journal-message';
import { atLeast, type BenchResult, median, type Scenario } from '../types';
import { row } from '../write-behind/row';

const ROWS = 40_000;
const BATCH = 2_000;
const ROUNDS = 5;
/** Invocations the host runs at once, and rows of about 220 B that a message holds. */
const INVOCATIONS = 24;
const MESSAGE_ROWS = 190;

/**
 * Rows a second into a real PostgreSQL, fsync on: the whole flush (messages decoded, rows coalesced, saved, the cache
 * converged), the store's statement alone, one row a statement, and a bare `unnest` upsert of the same batch.
 */
export const scenario: Scenario = { name: 'flush', run };

async function run(): Promise<BenchResult> {
  const postgres = await startPostgres();
  if (!postgres) throw new Error('Expected a PostgreSQL to measure, got none for this machine; set up its packages');
  const [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
  try {
    return await measureFlush(postgres.url, redis.adminUrl, azurite.connectionString);
  } finally {
    await Promise.all([postgres.stop(), redis.stop(), azurite.stop()]);
  }
}

export async function measureFlush(database: string, redisUrl: string, storage: string): Promise<BenchResult> {
  const { Pool } = await import('pg');
  const pool = new Pool({ connectionString: database, max: 4 });
  const sixteen = new Pool({ connectionString: database, max: 16 });
  // The server may end a connection before its pool has.
  for (const each of [pool, sixteen]) each.on('error', () => {});
  const store = postgresStore({ pool: pool as SqlPool });
  await store.migrate();
  await pool.query(
    'create table bare (key text primary key, value jsonb, version bigint, deleted boolean, updated_at timestamptz)',
  );

  const settings = readSettings({ REDIS_URL: redisUrl, AzureWebJobsStorage: storage, DATABASE_URL: database });
  const client = createClient({
    settings,
    logger: silentLogger,
    entities: [defineEntity({ name: 'bench:row', store })],
  });
  const deadLetters = createDeadLetters({ ...client, clock: systemClock });
  const flusher = createFlusher({ ...client, deadLetters });
  await client.redis.ready();

  let round = 0;
  /** New keys in each round: every way inserts as many rows as it is given. */
  const rows = (count: number): WriteRow[] => {
    round++;
    return Array.from({ length: count }, (_, n) => ({
      key: `bench:row:${round}-${String(n).padStart(6, '0')}`,
      version: versionAt(Date.now() * 1_000 + n, 0),
      value: JSON.stringify(row(n)),
    }));
  };
  const timed = async (count: number, work: () => Promise<unknown>): Promise<number> => {
    // What making the rows left behind is no one's work.
    global.gc?.();
    const started = performance.now();
    await work();
    return (count / (performance.now() - started)) * 1_000;
  };
  const batches = <T>(items: readonly T[], size: number): T[][] =>
    Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));

  const ways = {
    flush: async () => {
      const given = rows(ROWS);
      // As the web app left them: in the cache, dirty, for the flush to converge.
      await atOnce(200, given, (row) => client.fence.publish(row, { ttlSeconds: 3_600 }));
      const messages = batches(given, MESSAGE_ROWS).map((part) => {
        const encoded = part.map((row) => encodeRow({ ...row, acceptedAt: Date.now() })).join(',');
        return `{"format":1,"attempts":0,"rows":[${encoded}]}`;
      });
      return timed(ROWS, () =>
        atOnce(INVOCATIONS, messages, (text) => flusher.flush(JSON.parse(text), { dequeueCount: 1 })),
      );
    },
    statement: async () => {
      const parts = batches(rows(ROWS), BATCH);
      return timed(ROWS, () => atOnce(2, parts, (part) => store.saveMany(part)));
    },
    unnest: async () => {
      const parts = batches(rows(ROWS), BATCH);
      return timed(ROWS, () => atOnce(2, parts, (part) => bareUnnest(pool as unknown as Client, part)));
    },
    rowByRow: async () => {
      const few = rows(ROWS / 5);
      return timed(few.length, () => atOnce(16, few, (row) => oneRow(sixteen as unknown as Client, row)));
    },
  };
  const found = { flush: [], statement: [], unnest: [], rowByRow: [] } as Record<keyof typeof ways, number[]>;
  try {
    // The first round warms all four and does not count; then they take turns, so that a slow moment hits them all.
    for (let turn = 0; turn <= ROUNDS; turn++) {
      for (const name of Object.keys(ways) as (keyof typeof ways)[]) {
        const rate = await ways[name]();
        if (turn > 0) found[name].push(rate);
      }
    }
  } finally {
    await client.close();
    await Promise.all([pool.end(), sixteen.end()]);
  }
  const ratio = (a: keyof typeof ways, b: keyof typeof ways) =>
    median(found[a].map((rate, at) => rate / (found[b][at] as number)));
  const ratios = {
    overRowByRow: ratio('flush', 'rowByRow'),
    overUnnest: ratio('flush', 'unnest'),
    statementOverUnnest: ratio('statement', 'unnest'),
    statementOverRowByRow: ratio('statement', 'rowByRow'),
  };
  return {
    scenario: 'flush',
    figures: { rowsPerSecond: median(found.flush), statementRowsPerSecond: median(found.statement) },
    peers: { rowByRowRowsPerSecond: median(found.rowByRow), unnestRowsPerSecond: median(found.unnest) },
    ratios,
    bars: [
      atLeast('ratios.overRowByRow', ratios.overRowByRow, 12),
      atLeast('ratios.overUnnest', ratios.overUnnest, 0.75),
      atLeast('ratios.statementOverUnnest', ratios.statementOverUnnest, 0.95),
    ],
  };
}

/** Works off a list, some at once. */
async function atOnce<T>(workers: number, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

const UPDATE =
  'on conflict (key) do update set value = excluded.value, version = excluded.version, ' +
  'deleted = excluded.deleted, updated_at = excluded.updated_at where excluded.version > t.version';

/** An unnamed statement, as any program sends it. */
function oneRow(pool: Client, row: WriteRow): Promise<unknown> {
  return pool.query(`insert into bare as t values ($1, $2, $3, $4, now()) ${UPDATE}`, [
    row.key,
    row.value,
    row.version,
    row.value === null,
  ]);
}

function bareUnnest(pool: Client, rows: readonly WriteRow[]): Promise<unknown> {
  return pool.query(
    'insert into bare as t select k, v, n, d, now() ' +
      `from unnest($1::text[], $2::jsonb[], $3::bigint[], $4::boolean[]) as r(k, v, n, d) ${UPDATE}`,
    [
      rows.map((row) => row.key),
      rows.map((row) => row.value),
      rows.map((row) => row.version),
      rows.map((row) => row.value === null),
    ],
  );
}
