import { DAY, HOUR, MINUTE } from '../../src/clock';
import { rollUp } from '../../src/monitoring/samples/roll-up';
import type { Baseline, SampleBatch, SampleStore } from '../../src/monitoring/samples/sample-store';
import { T0 } from './support';

export const batchOf = (at: number, source: string, values: SampleBatch['values']): SampleBatch => ({
  ...{ at, source, values },
  labels: { cache: 'test', node: source },
  info: { role: 'master' },
});

const baselineOf = (at: number, source: string, hits: number): Baseline => ({
  ...{ source, at, readAt: at, identity: 'run' },
  counters: { redis_keyspace_hits: hits },
  totals: { redis_keyspace_hits: hits },
});

/** What every SampleStore does. */
export function sampleStoreConformance(name: string, make: () => SampleStore): void {
  describe(name, () => {
    const store = make();

    test('a range excludes its beginning, includes its end, and comes by time, then source', async () => {
      for (const at of [T0 + 2 * MINUTE, T0, T0 + MINUTE]) {
        await store.write([batchOf(at, 'b:1', { redis_up: 1 }), batchOf(at, 'a:1', { redis_up: 0 })], []);
      }
      const read = await store.read({ after: T0, until: T0 + 2 * MINUTE });
      expect(read.map(({ at, source }) => `${(at - T0) / MINUTE} ${source}`)).toEqual([
        '1 a:1',
        '1 b:1',
        '2 a:1',
        '2 b:1',
      ]);
      expect(read[1]).toEqual(batchOf(T0 + MINUTE, 'b:1', { redis_up: 1 }));
    });

    test('writing a tick again replaces it', async () => {
      await store.write([batchOf(T0, 'a:1', { redis_up: 1 })], []);
      await store.write([batchOf(T0, 'a:1', { redis_up: 0 })], []);
      const [batch] = await store.read({ after: T0 - 1, until: T0 });
      expect(batch?.values).toEqual({ redis_up: 0 });
    });

    test('the newest baseline of each source is found, over midnight too, for a day', async () => {
      const at = T0 + 5 * DAY - MINUTE;
      await store.write(
        [batchOf(at, 'a:1', {}), batchOf(at, 'b:1', {})],
        [baselineOf(at, 'a:1', 1), baselineOf(at, 'b:1', 2)],
      );
      await store.write([batchOf(at + HOUR, 'a:1', {})], [baselineOf(at + HOUR, 'a:1', 3)]);
      const found = await store.baselines(at + 13 * HOUR);
      expect(found.map(({ source, counters }) => [source, counters.redis_keyspace_hits]).sort()).toEqual([
        ['a:1', 3],
        ['b:1', 2],
      ]);
      expect((await store.baselines(at + DAY + 30 * MINUTE)).map(({ source }) => source)).toEqual(['a:1']);
    });

    test('a batch larger than a table’s property comes back whole', async () => {
      const values = Object.fromEntries(
        Array.from({ length: 4_000 }, (_, index) => [`redis_command_calls|command=c${index}`, index]),
      );
      await store.write([batchOf(T0 + 20 * DAY, 'big:1', values)], []);
      const [batch] = await store.read({ after: T0 + 20 * DAY - 1, until: T0 + 20 * DAY });
      expect(batch?.values).toEqual(values);
    });

    test('rolled-up batches lie beside the minutes, and old ones are pruned by resolution', async () => {
      const start = T0 + 30 * DAY;
      const minutes = [1, 2, 3].map((n) => batchOf(start + n * MINUTE, 'a:1', { redis_clients: n }));
      await store.write(minutes, []);
      await store.writeRolled('hour', rollUp(start, minutes));
      const [hour] = await store.read({ after: start - 1, until: start, resolution: 'hour' });
      expect(hour?.values).toEqual({ redis_clients: [3, 6, 1, 3, 3] });
      expect(await store.prune('minute', start + 3 * MINUTE)).toBeGreaterThanOrEqual(2);
      expect((await store.read({ after: 0, until: start + HOUR })).map(({ at }) => at)).toEqual([start + 3 * MINUTE]);
      expect(await store.read({ after: start - 1, until: start, resolution: 'hour' })).toHaveLength(1);
    });

    test('sixty sources are written at once', async () => {
      const at = T0 + 40 * DAY;
      const sources = Array.from({ length: 60 }, (_, index) => `n${String(index).padStart(2, '0')}:1`);
      await store.write(
        sources.map((it) => batchOf(at, it, { redis_up: 1 })),
        sources.map((it) => baselineOf(at, it, 1)),
      );
      expect(await store.read({ after: at - 1, until: at })).toHaveLength(60);
      expect(await store.baselines(at)).toHaveLength(60);
    });
  });
}
