import type { Client } from '../../src/index';
import type { AlertEvidence, HotEvidence, SessionEvidence, WriteEvidence } from './evidence';
import { sessionTtls } from './sessions';

export interface Check {
  /** The promise that was looked into. */
  readonly what: string;
  readonly ok: boolean;
  /** What was found, in numbers. */
  readonly found: string;
}

/** Every acknowledged write, or a newer one of its key, is in PostgreSQL: its rows are read by a plain select. */
export async function checkWrites(client: Client, evidence: WriteEvidence, asked: number): Promise<Check> {
  const keys = [...evidence.newest.keys()];
  const { rows } = await client.pool.query(
    'select key, version::text as version, value from cache_entries where key = any($1)',
    [keys],
  );
  const stored = new Map(rows.map((row) => [String(row.key), row]));
  let lost = 0;
  let wrong = 0;
  for (const [key, { version, sequence }] of evidence.newest) {
    const row = stored.get(key);
    if (!row || BigInt(String(row.version)) < BigInt(version)) lost += 1;
    else if (BigInt(String(row.version)) === BigInt(version) && sequenceOf(row.value) !== sequence) wrong += 1;
  }
  const { acknowledged, failed } = evidence;
  return {
    what: 'every acknowledged write, or a newer one of its key, is in PostgreSQL',
    ok: lost === 0 && wrong === 0 && acknowledged >= asked,
    found: `${acknowledged} acknowledged (${failed} refused) over ${keys.length} keys: ${lost} lost, ${wrong} wrong`,
  };
}

const sequenceOf = (value: unknown) => (value as { sequence?: unknown } | null)?.sequence;

/** What the cache holds of those keys is what PostgreSQL holds. */
export async function checkAgreement(client: Client, evidence: WriteEvidence): Promise<Check> {
  const keys = [...evidence.newest.keys()];
  const { rows } = await client.pool.query('select key, value from cache_entries where key = any($1)', [keys]);
  const stored = new Map(rows.map((row) => [String(row.key), sequenceOf(row.value)]));
  const cached = await client.cache.multiGet<{ sequence: number }>(keys);
  const held = cached.filter(({ value }) => value !== null);
  const different = held.filter(({ key, value }) => value?.sequence !== stored.get(key)).length;
  return {
    what: 'cache and PostgreSQL agree on the keys that were written',
    ok: different === 0,
    found: `${held.length} of ${keys.length} cached, ${different} different`,
  };
}

/** Every session has a TTL, and none was lost: all records are read by SCAN of every master. */
export async function checkSessions(client: Client, evidence: SessionEvidence, asked: number): Promise<Check> {
  const ttls = await sessionTtls(client.redis);
  const created = [...ttls.keys()].filter((key) => !evidence.before.has(key));
  const without = [...ttls.values()].filter((ttl) => ttl === -1).length;
  const mended = evidence.withoutTtl.filter((key) => (ttls.get(key) ?? -1) > 0).length;
  return {
    what: 'every session has a TTL',
    ok: without === 0 && mended === evidence.withoutTtl.length && created.length >= asked,
    found: `${created.length} sessions, ${evidence.withoutTtl.length} made without a TTL: ${mended} mended, ${without} left`,
  };
}

/** The hot entries were refreshed before they expired. */
export function checkHotEntries(evidence: HotEvidence, asked: number): Check {
  const { entries, looks, expired, leastLeftMs, renewed } = evidence;
  return {
    what: 'the hot entries were refreshed before they expired',
    ok: expired === 0 && renewed === entries && entries >= asked,
    found: `${renewed} of ${entries} renewed; ${looks} looks: ${expired} expired, least life left ${(leastLeftMs / 1000).toFixed(1)} s`,
  };
}

/** A sample of each node was stored since `since`: the table is read itself. */
export async function checkSamples(client: Client, since: number): Promise<Check> {
  const table = await client.storage.table('samplesminute');
  const filter = `RowKey ge 't|${new Date(since).toISOString()}' and RowKey lt 'u'`;
  const sources = new Set<string>();
  for await (const row of table.listEntities({ queryOptions: { filter, select: ['rowKey', 'RowKey'] } })) {
    sources.add(String(row.rowKey).split('|')[2] ?? '');
  }
  const nodes = (await client.redis.nodes('all')).map(({ address }) => address);
  const missing = nodes.filter((address) => !sources.has(address));
  return {
    what: 'a sample of every node was stored',
    ok: nodes.length > 0 && missing.length === 0,
    found: `${nodes.length - missing.length} of ${nodes.length} nodes`,
  };
}

/** The test alert fired and resolved, as its webhook received it. */
export function checkAlert({ received }: AlertEvidence): Check {
  return {
    what: 'the test alert fired and resolved',
    ok: received[0] === 'firing' && received.at(-1) === 'resolved',
    found: received.length === 0 ? 'the webhook received nothing' : `the webhook received: ${received.join(', ')}`,
  };
}
