import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { Redis } from 'ioredis';
import { startAzurite, startRedis } from '../../local/servers';
import { entityRegistry } from '../../src/entities/registry';
import { createSweeps } from '../../src/hygiene';
import { silentLogger } from '../../src/logger';
import { createCounters } from '../../src/redis';
import { storageClients } from '../../src/storage/clients';
import { redisFor, settingsFor } from './drive';

test('a sweeper killed by SIGKILL in a work item: another goes on from its record, and nothing is counted twice', async () => {
  const [azurite, server] = await Promise.all([startAzurite(), startRedis()]);
  const client = new Redis(server.adminUrl);
  const folder = await mkdtemp(resolve('.cache', 'kill-'));
  const environment = {
    REDIS_URL: server.appUrl,
    AzureWebJobsStorage: azurite.connectionString,
    SWEEP_CENSUS_MINUTES: '0',
    SWEEP_RECLAIM_MINUTES: '0',
  };
  const redis = redisFor(environment);
  try {
    const KEYS = 30_000;
    const fill = `for i = 1, ${KEYS} do redis.call('SET', 'sess:' .. i, '{}') end`;
    await client.eval(fill, 0);
    const file = join(folder, 'child.js');
    await build({
      ...{ entryPoints: [resolve(__dirname, 'sweeper-child.ts')], outfile: file, bundle: true, platform: 'node' },
      ...{ packages: 'external', loader: { '.lua': 'text' }, logLevel: 'error' },
    });
    const slow = { SWEEP_DUTY: '0.005', REDIS_CACHE_DB: '0', REDIS_WORK_DB: '0' };
    const child = spawn(process.execPath, [file], {
      env: { PATH: process.env.PATH, ...environment, ...slow },
      stdio: 'inherit',
    });
    const settings = settingsFor(environment);
    const storage = storageClients(settings);
    // The claim of the dead is over for a clock that is a minute ahead.
    const clock = { now: () => Date.now() + 60_000 };
    const sweeps = createSweeps({
      ...{ redis, storage, settings, logger: silentLogger, clock },
      entities: entityRegistry([]),
      counters: createCounters({ redis, logger: silentLogger }),
    });
    const examined = async () => (await sweeps.progress())[0]?.examined ?? 0;
    while ((await examined()) === 0) await sleep(100);
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
    const saved = await examined();
    expect(saved).toBeLessThan(KEYS);

    const queue = await storage.queue(settings.SWEEP_QUEUE);
    while ((await sweeps.progress())[0]?.status !== 'finished') {
      const { receivedMessageItems: received } = await queue.receiveMessages({ visibilityTimeout: 30 });
      for (const { messageText, messageId, popReceipt } of received) {
        await sweeps.workItem(JSON.parse(Buffer.from(messageText, 'base64').toString()));
        await queue.deleteMessage(messageId, popReceipt);
      }
      if (received.length === 0) await sleep(50);
    }
    const [{ last } = { last: undefined }] = await sweeps.progress();
    expect(last).toMatchObject({ examined: KEYS, restarts: 0, faults: [], figures: { matched: KEYS } });
    expect(last!.figures.given).toBeLessThanOrEqual(KEYS);
    const without = `local n = 0 for i = 1, ${KEYS} do if redis.call('TTL', 'sess:' .. i) == -1 then n = n + 1 end end return n`;
    expect(await client.eval(without, 0)).toBe(0);
  } finally {
    await redis.close();
    client.disconnect();
    await Promise.all([azurite.stop(), server.stop(), rm(folder, { recursive: true, force: true })]);
  }
});
