import { metrics, type ObservableResult, trace } from '@opentelemetry/api';
import { defineEntity } from '../../src/entities/define-entity';
import { silentLogger } from '../../src/logger';
import { createCounters, readCounters } from '../../src/redis';
import { type Rig, startRig } from './rig';

describe('telemetry', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig?.close());
  afterEach(() => {
    metrics.disable();
    trace.disable();
  });

  test('counts by entity, and reaches the app’s counters in Redis', async () => {
    const entity = defineEntity<string>({ name: 'user:counted', load: async () => 'x' });
    const redis = rig.connect();
    const counters = createCounters({ redis, logger: silentLogger });
    const cache = rig.cache({ entities: [entity], counters });
    await cache.get('user:counted:1');
    await cache.get('user:counted:1');
    await cache.get('user:counted:1');
    await cache.get('unknown:entity:secret-id');
    await cache.close();
    const counted = await readCounters(redis);
    expect(counted.get('cache_hits|entity=user:counted')).toBe(2);
    expect(counted.get('cache_misses|entity=user:counted')).toBe(1);
    expect(counted.get('cache_loads|entity=user:counted')).toBe(1);
    expect(counted.get('cache_misses|entity=other')).toBe(1);
    expect(counted.get('cache_breaker_open|')).toBe(0);
    expect([...counted.keys()].join()).not.toContain('secret-id');
  });

  test('OpenTelemetry gets totals and spans with bounded attributes only', async () => {
    const callbacks = new Map<string, (result: ObservableResult) => void>();
    metrics.setGlobalMeterProvider({
      getMeter: () =>
        ({
          createObservableCounter: (name: string) => ({
            addCallback: (callback: (result: ObservableResult) => void) => void callbacks.set(name, callback),
            removeCallback: () => void callbacks.delete(name),
          }),
        }) as never,
    });
    const spans: { name: string; attributes: Record<string, unknown>; ended: boolean }[] = [];
    trace.setGlobalTracerProvider({
      getTracer: () =>
        ({
          startActiveSpan: (name: string, options: { attributes: object }, work: (span: unknown) => unknown) => {
            const span = { name, attributes: { ...options.attributes } as Record<string, unknown>, ended: false };
            spans.push(span);
            return work({
              setAttribute: (key: string, value: unknown) => {
                span.attributes[key] = value;
              },
              setStatus: () => {},
              end: () => {
                span.ended = true;
              },
            });
          },
        }) as never,
    });
    const entity = defineEntity<string>({ name: 'user:observed', load: async () => 'x' });
    const cache = rig.cache({ entities: [entity] });
    await cache.get('user:observed:1');
    await cache.get('user:observed:1');
    const fault = Object.assign(new Error('secret words'), { code: 'ECONNREFUSED' });
    await expect(cache.get('user:observed:2', () => Promise.reject(fault))).rejects.toBe(fault);
    const seen: Record<string, unknown>[] = [];
    callbacks.get('cache.hits')?.({ observe: (value, attributes) => void seen.push({ value, ...attributes }) });
    expect(seen).toContainEqual({ value: 1, 'cache.entity': 'user:observed' });
    expect(spans).toEqual([
      { name: 'cache.load', attributes: { 'cache.entity': 'user:observed', 'cache.keys': 1 }, ended: true },
      {
        name: 'cache.load',
        attributes: { 'cache.entity': 'user:observed', 'cache.keys': 1, 'error.type': 'ECONNREFUSED' },
        ended: true,
      },
    ]);
    await cache.close();
    expect(callbacks.size).toBe(0);
  });
});
