import { acts, runHistory } from '../../bench/cache/history';
import { defineEntity } from '../../src/entities/define-entity';
import { type Rig, startRig, topologies } from './rig';

const EPOCH_CACHE_MS = 100;
/** The cache of the epoch, and what a busy machine adds between a read's begin and its judgement. */
const EPOCH_BOUND_MS = EPOCH_CACHE_MS + 100;

describe.each(topologies)('random interleavings on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  test.each([
    ['all kinds', acts, 3],
    ['epochs alone', ['tag', 'prefix'] as const, 3],
    ['one key at a time', ['delete', 'set'] as const, 8],
  ])('no read is older than an invalidation that had completed (%s)', async (_, mixed, keys) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const name = `user:${rig.name()}`;
    const entity = defineEntity<number>({ name, tags: () => [name], ttlSeconds: 60 });
    const caches = Array.from({ length: 3 }, () => rig.cache({ entities: [entity], epochCacheMs: EPOCH_CACHE_MS }));
    const result = await runHistory({
      ...{ caches, entity: name, keys, operations: 2_500, concurrency: 16, seed, acts: mixed },
      epochBoundMs: EPOCH_BOUND_MS,
    });
    expect({ seed, stale: result.stale }).toEqual({ seed, stale: [] });
    expect(result.reads).toBeGreaterThan(1_500);
    expect(result.loads).toBeLessThan(result.reads);
    for (const act of mixed) expect(result.writes[act]).toBeGreaterThan(0);
  });
});
