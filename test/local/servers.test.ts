import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { build } from 'esbuild';
import { Cluster, Redis } from 'ioredis';
import { Client } from 'pg';
import {
  findRedis6,
  freePort,
  signedIn,
  startAzurite,
  startPglite,
  startPostgres,
  startRedis,
  startRedisCluster,
} from '../../local/servers';
import { lines, stanzas } from '../../local/servers/package-sources';
import { cacheDir, projectRoot } from '../../local/servers/paths';

/** Gone, or waiting to be reaped by a parent that isn't us. */
const gone = async (pid: number): Promise<boolean> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(25);
  }
  return false;
};

const select = async (url: string, sql: string) => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

test('ports that are given are free, and none is given twice', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort([10_000])));
  expect(new Set(ports).size).toBe(20);
  expect(Math.max(...ports) + 10_000).toBeLessThan(32_768);
});

test('redis answers with its password, is restarted where it was, and leaves neither process nor folder', async () => {
  const server = await startRedis({ password: 'p:ss', args: ['--maxmemory', '20mb'] });
  const client = new Redis(server.adminUrl, { maxRetriesPerRequest: 1 });
  client.on('error', () => {});
  try {
    expect(await client.set('a', '1')).toBe('OK');
    const before = server.pid;
    await server.kill('SIGKILL');
    expect(await gone(before)).toBe(true);
    await server.restart();
    expect(server.pid).not.toBe(before);
    const again = new Redis(server.adminUrl);
    expect(await again.get('a')).toBeNull();
    again.disconnect();
  } finally {
    client.disconnect();
    await server.stop();
  }
  expect(await gone(server.pid)).toBe(true);
  expect(existsSync(server.dir)).toBe(false);
});

test('a cluster of three masters serves every slot as soon as it is there', async () => {
  const cluster = await startRedisCluster({ masters: 3 });
  const [seed] = cluster.nodes;
  const client = new Cluster([{ host: seed!.host, port: seed!.port }], signedIn('admin'));
  try {
    for (let index = 0; index < 100; index += 1) await client.set(`key:${index}`, index);
    const sizes = await Promise.all(client.nodes('master').map((node) => node.dbsize()));
    expect(sizes).toHaveLength(3);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes.reduce((a, b) => a + b)).toBe(100);
  } finally {
    client.disconnect();
    await cluster.stop();
  }
});

test('Redis 6.0, where it can be had, is a cluster as well', async () => {
  const program = await findRedis6();
  if (program === undefined) return;
  const cluster = await startRedisCluster({ masters: 3, program });
  const [seed] = cluster.nodes;
  const client = new Redis(seed!.adminUrl);
  try {
    expect(await client.info('server')).toContain('redis_version:6.0.');
    expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    expect(await client.eval('return cjson.encode({1})', 0)).toBe('[1]');
  } finally {
    client.disconnect();
    await cluster.stop();
  }
});

test('the system’s own sources are read in both their forms', () => {
  const uri = 'http://mirror.example/debian';
  expect(lines(`# deb ${uri} x main\ndeb [arch=amd64 signed-by=/k.gpg] ${uri} x main\ndeb ${uri} y main`)).toEqual([
    { uri, suite: 'x', key: '/k.gpg' },
    { uri, suite: 'y', key: undefined },
  ]);
  const stanza = `Types: deb\n# a comment\nURIs: ${uri}\nSuites: x x-updates\nComponents: main\nSigned-By: /k.gpg\n`;
  expect(stanzas(`${stanza}\nTypes: deb-src\nURIs: ${uri}\nSuites: x\n`)).toEqual([
    { uri, suite: 'x', key: '/k.gpg' },
    { uri, suite: 'x-updates', key: '/k.gpg' },
  ]);
});

test('azurite serves queues, and ends', async () => {
  const azurite = await startAzurite();
  try {
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('a-queue');
    await queue.create();
    await queue.sendMessage('hello');
    expect((await queue.receiveMessages()).receivedMessageItems[0]?.messageText).toBe('hello');
  } finally {
    await azurite.stop();
  }
  expect(await gone(azurite.pid)).toBe(true);
});

test('pglite serves four connections at once', async () => {
  const database = await startPglite();
  try {
    const answers = await Promise.all([1, 2, 3, 4].map((n) => select(database.url, `select ${n}::int as n`)));
    expect(answers.map((rows) => rows[0].n)).toEqual([1, 2, 3, 4]);
  } finally {
    await database.stop();
  }
});

test('postgres, where it can be had, keeps its data over a kill', async () => {
  const database = await startPostgres();
  if (database === undefined) return;
  try {
    await select(database.url, 'create table t as select 7 as n');
    await database.kill('SIGKILL');
    await database.restart();
    expect(await select(database.url, 'select n from t')).toEqual([{ n: 7 }]);
  } finally {
    await database.stop();
  }
});

test('a server and its folder do not outlive a parent that is killed', async () => {
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'orphan-'));
  const script = join(folder, 'parent.cjs');
  const contents = `import { startRedis } from './redis';
    void startRedis().then(({ pid, dir }) => { console.log(JSON.stringify({ pid, dir })); setInterval(() => {}, 1000); });`;
  const resolveDir = join(projectRoot, 'local/servers');
  await build({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    outfile: script,
  });
  try {
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await once(parent.stdout, 'data');
    const { pid, dir } = JSON.parse(String(said)) as { pid: number; dir: string };
    expect(existsSync(dir)).toBe(true);
    parent.kill('SIGKILL');
    expect(await gone(pid)).toBe(true);
    for (let attempt = 0; existsSync(dir) && attempt < 200; attempt += 1) await sleep(25);
    expect(existsSync(dir)).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
