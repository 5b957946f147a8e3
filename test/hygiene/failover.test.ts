import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';
import { signedIn, startRedisCluster } from '../../local/servers';
import { redisFor, rig, runSweep, settingsFor } from './drive';

test('a master killed during a sweep: its promoted replica is scanned in the same sweep', async () => {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1 });
  const client = new Cluster(
    cluster.nodes.map(({ host, port }) => ({ host, port })),
    signedIn('admin'),
  );
  client.on('error', () => {});
  const [victim, , , replica] = cluster.nodes;
  const heir = new Redis(replica!.adminUrl);
  const environment = cluster.environments.app;
  const redis = redisFor(environment);
  try {
    await Promise.all(Array.from({ length: 6_000 }, (_, index) => client.set(`sess:${index}`, '{}')));
    await Promise.all(Array.from({ length: 500 }, (_, index) => client.set(`foreign:${index}`, '1')));
    const victimClient = new Redis(victim!.adminUrl);
    await victimClient.wait(1, 2_000);
    victimClient.disconnect();

    let workItems = 0;
    const deps = rig(redis, settingsFor(environment), { options: { budgetMs: 1, saveEveryMs: 1 }, deadlineMs: 500 });
    const summary = await runSweep('sessions', deps, {
      onWorkItem: async ({ outcome }) => {
        workItems += 1;
        // An hour's pause of a real queue is the time that a promotion takes here.
        if (outcome === 'paused') await sleep(200);
        if (workItems !== 4) return;
        await victim!.kill('SIGKILL');
        for (;;) {
          if (/role:master/.test(await heir.info('replication'))) return;
          await sleep(50);
        }
      },
    });
    expect(summary.faults).toEqual([]);
    expect(summary.shards).toBe(4);
    const missing: string[] = [];
    for (const node of cluster.nodes.slice(1, 4)) {
      const own = new Redis(node.adminUrl);
      for (const key of await own.keys('*')) if ((await own.ttl(key)) === -1) missing.push(key);
      own.disconnect();
    }
    expect(missing.filter((key) => key.startsWith('sess:'))).toEqual([]);
    expect(missing).toHaveLength(500);
  } finally {
    await redis.close();
    heir.disconnect();
    client.disconnect();
    await cluster.stop();
  }
});
