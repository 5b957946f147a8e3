import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisCluster, startSentinels } from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { clusterEvents, type FaultEvent, sentinelEvents } from './ha/events';
import { DEADLINE_MS, Load } from './ha/load';
import { type Row, table } from './ha/table';

/** Of service returning, beyond what the servers take to notice. */
const RETURN_MS = 2_000;
/** What a busy machine adds to a call: the deadline is ours, the scheduling is not. */
const SLACK_MS = 1_000;
const ON_ITS_OWN_MS = 1_000;

const rows: Row[] = [];

async function under<Servers>(
  on: string,
  environment: Readonly<Record<string, string>>,
  servers: Servers,
  event: FaultEvent<Servers>,
): Promise<void> {
  const load = new Load(environment);
  await load.start();
  try {
    await load.served(10_000);
    await sleep(ON_ITS_OWN_MS / 2);
    await event.run(servers);
    await load.served(event.detectionMs + 20_000);
    await event.after?.(servers);
    await sleep(ON_ITS_OWN_MS);
  } finally {
    rows.push({ on, event: event.name, ...(await load.stop()) });
  }
  const row = rows.at(-1) as Row;
  expect(row.withoutServiceMs).toBeLessThanOrEqual(event.detectionMs + RETURN_MS);
  expect(row.longestCallMs).toBeLessThanOrEqual(DEADLINE_MS + SLACK_MS);
  expect(Object.keys(row.errors).filter((code) => !code.startsWith('E_'))).toEqual([]);
}

afterAll(() => console.info(table(rows)));

test('three masters with a replica each: service returns, no call hangs, errors are ours', async () => {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1, args: ['--cluster-require-full-coverage', 'no'] });
  try {
    const environment = { REDIS_NODES: cluster.addresses.join(',') };
    for (const event of clusterEvents) await under('cluster', environment, cluster, event);
  } finally {
    await cluster.stop();
  }
}, 120_000);

test('Sentinel, over TLS: the same', async () => {
  const set = await startSentinels({ tlsDir: await certificateFor(['localhost']) });
  try {
    for (const event of sentinelEvents) await under('sentinel, TLS', set.environment, set, event);
  } finally {
    await set.stop();
  }
}, 120_000);
