import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { type FunctionsHost, startFunctionsHost } from '../../local/stack/functions-host';
import { jobRunOf } from '../../local/stack/job-line';
import { JobRuns } from '../../local/stack/job-runs';
import { stackEnvironment } from '../../local/stack/settings';
import { ensureBuilt } from '../built';

const runs = new JobRuns();
let redis: RunningRedis;
let azurite: RunningAzurite;
let host: FunctionsHost | undefined;

beforeAll(async () => {
  ensureBuilt();
  [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
});

afterAll(async () => {
  await host?.process.stop(10_000);
  await Promise.all([redis?.stop(), azurite?.stop()]);
});

const runOf = async (job: string) => {
  const from = runs.all.length;
  await host!.fire(job);
  return runs.next((run) => run.job === job, from, 30_000);
};

test('the app starts without its Redis and its database; a job fails with one line, and recovers by itself', async () => {
  await redis.kill('SIGKILL');
  const services = { REDIS_URL: redis.appUrl, DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d' };
  const own = { PATH: process.env.PATH, HOME: process.env.HOME, STEWARD_HOST: 'local' };
  host = await startFunctionsHost({
    env: stackEnvironment(own, { ...services, AzureWebJobsStorage: azurite.connectionString }, 'once'),
    onLine: (line) => {
      const run = jobRunOf(line);
      if (run) runs.add(run);
    },
  });
  const failed = await runOf('planRefreshes');
  expect(failed?.ok).toBe(false);
  expect(failed?.summary).not.toContain('\n');
  expect(failed?.summary).toMatch(/redis/i);
  expect((await runOf('drainPoison'))?.ok).toBe(true);

  await redis.restart();
  let recovered = await runOf('planRefreshes');
  for (let attempt = 0; recovered?.ok === false && attempt < 20; attempt += 1) {
    await sleep(250);
    recovered = await runOf('planRefreshes');
  }
  expect(recovered?.ok).toBe(true);
  expect(host.process.running).toBe(true);
});
