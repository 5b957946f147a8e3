import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Redis } from 'ioredis';
import { cacheDir } from '../../local/servers/paths';
import { startServices } from './services';

/** `OVERTAKEN_WRITES=10000` is the extended run. */
const WRITES = Number(process.env.OVERTAKEN_WRITES ?? 2_000);
const CALLERS = 32;

const { rig } = startServices();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(cacheDir, 'overtaken-'));
  await build({
    entryPoints: { writer: join(__dirname, 'overtaken/writer.ts'), jobs: join(__dirname, 'overtaken/jobs.ts') },
    ...{ outdir: folder, outExtension: { '.js': '.cjs' }, bundle: true, platform: 'node', packages: 'external' },
    ...{ loader: { '.lua': 'text' }, logLevel: 'error' },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it(`of ${WRITES} writes by ${CALLERS} callers, flushed by another process meanwhile, none stays dirty`, async () => {
  const { environments, jobs: own } = await rig(0);
  const start = (script: string, user: 'web' | 'app', args: readonly string[] = []) =>
    fork(join(folder, script), args, {
      ...{ execArgv: [], env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environments[user] } },
    });
  const jobs = start('jobs.cjs', 'app');
  const jobsEnd = once(jobs, 'exit');
  await once(jobs, 'message');
  const [writerCode] = await once(start('writer.cjs', 'web', [String(WRITES), String(CALLERS)]), 'exit');
  jobs.kill('SIGTERM');
  const [jobsCode] = await jobsEnd;
  expect({ writerCode, jobsCode }).toEqual({ writerCode: 0, jobsCode: 0 });
  expect((await own.flushAll({ deadlineMs: 30_000 })).left.messages).toBe(0);

  const redis = own.redis.client('cache') as Redis;
  const dirty: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', 'cache:{user:profile:*}', 'COUNT', 1_000);
    cursor = next;
    const heads = await Promise.all(keys.map((key) => redis.getrange(key, 0, 1)));
    dirty.push(...keys.filter((_, at) => heads[at] === 'A1'));
  } while (cursor !== '0');
  expect(dirty).toEqual([]);
  const { rows } = await own.pool.query('select count(*)::int as count from cache_entries');
  expect(rows).toEqual([{ count: WRITES }]);
}, 300_000);
