import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { check } from '../../bench/history/check';
import { Conductor } from '../../bench/history/conductor';
import { acts } from '../../bench/history/plan';
import { startHistoryServers, topologies } from '../../bench/history/servers';
import { buildHistoryWorker } from './history-worker';

const EPOCH_CACHE_MS = 100;
const LOCAL_BOUND_MS = 250;
/** The clocks that the client reads by have whole milliseconds. */
const BOUNDS = { generationMs: EPOCH_CACHE_MS + 1, localMs: LOCAL_BOUND_MS + 1 };
const ROUND = { operations: 1_500, concurrency: 8 };

/** The scripts without the lease's check. */
const forgetful: Plugin = {
  name: 'forgetful',
  setup({ onLoad }) {
    onLoad({ filter: /fill-2\.lua$/ }, async ({ path }) => {
      const lua = await readFile(path, 'utf8');
      const contents = lua.replace(/^if redis\.call\('GET', KEYS\[2\]\) ~= ARGV\[2\] .*$/m, '');
      if (contents === lua) throw new Error('expected the check of the lease in fill-2.lua');
      return { contents, loader: 'text' };
    });
  },
};

type Worker = Awaited<ReturnType<typeof buildHistoryWorker>>;
let worker: Worker;
let forgetfulWorker: Worker;

beforeAll(async () => {
  worker = await buildHistoryWorker();
  forgetfulWorker = await buildHistoryWorker([forgetful]);
});
afterAll(() => Promise.all([worker, forgetfulWorker].map((each) => each?.remove())));

const start = (environment: Readonly<Record<string, string>>, of = worker) =>
  Conductor.start({
    ...{ script: of.script, processes: 3, environment, entities: ['history:few', 'history:many'] },
    ...{ epochCacheMs: EPOCH_CACHE_MS, deadlineMs: 2_000, ttlSeconds: 2, localBoundMs: LOCAL_BOUND_MS },
  });

test.each(topologies)(
  'no read of three processes is older than an invalidation that was complete, on %s',
  async (on) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const servers = await startHistoryServers(on);
    if (on === 'cluster' && servers.skewMs === 0)
      console.warn('libfaketime could not be had: the masters share a clock');
    const conductor = await start(servers.environment);
    try {
      for (const [entity, keys] of [['history:few', 3] as const, ['history:many', 20] as const]) {
        const history = await conductor.round({ ...ROUND, entity, keys, seed });
        expect({ seed, stale: check(history, BOUNDS).stale }).toEqual({ seed, stale: [] });
        expect(history.reads.length).toBeGreaterThan(ROUND.operations / 2);
        expect(history.loads).toBeLessThan(history.reads.length);
        expect(new Set(history.writes.map(({ act }) => act))).toEqual(new Set(acts));
      }
    } finally {
      await conductor.stop();
      await servers.stop();
    }
  },
  120_000,
);

test('the checker finds out a script that stores without its lease', async () => {
  const servers = await startHistoryServers('standalone');
  const conductor = await start(servers.environment, forgetfulWorker);
  try {
    let found = 0;
    for (let seed = 1; found === 0 && seed < 20; seed += 1) {
      const history = await conductor.round({ ...ROUND, entity: 'history:few', keys: 3, seed });
      found = check(history, BOUNDS).stale.length;
    }
    expect(found).toBeGreaterThan(0);
  } finally {
    await conductor.stop();
    await servers.stop();
  }
}, 120_000);

test('what a bound excuses, and what nothing does', () => {
  const write = { act: 'tag', values: { 'a:b:0': 2 }, ended: 1_000, cache: '0.plain' } as const;
  const read = { key: 'a:b:0', value: 1, began: 1_050, cache: '1.plain', strict: false };
  const judged = (of: object, by: object = {}) =>
    check({ reads: [{ ...read, ...of }], writes: [{ ...write, ...by }] }, { generationMs: 101, localMs: 251 });
  expect(judged({})).toEqual({ stale: [], longestGenerationLagMs: 50, longestLocalLagMs: 0 });
  expect(judged({ value: 2 }).longestGenerationLagMs).toBe(0);
  expect(judged({ began: 999 }).longestGenerationLagMs).toBe(0);
  expect(judged({ began: 1_102 }).stale).toMatchObject([{ read: 1, expected: 2, by: 'tag', lagMs: 102 }]);
  expect(judged({ strict: true }).stale).toHaveLength(1);
  expect(judged({ cache: '0.plain' }).stale).toHaveLength(1);
  expect(judged({}, { act: 'delete' }).stale).toHaveLength(1);
  expect(judged({ cache: '1.local', began: 1_200 }, { act: 'delete' })).toMatchObject({
    stale: [],
    longestLocalLagMs: 200,
  });
});
