import { type MeterProvider, metrics } from '@opentelemetry/api';
import { createOtelObserver } from '../../src/monitoring';
import { batchOf } from './sample-store-conformance';
import { T0 } from './support';

afterEach(() => metrics.disable());

test('a registered meter provider gets gauges as they are and counters as what they grew by, platform metrics not', () => {
  const said: unknown[] = [];
  const noting = (kind: string) => (name: string) => {
    const note = (value: number, labels: object) => void said.push([kind, name, value, labels]);
    return { add: note, record: note };
  };
  const meter = { createCounter: noting('counter'), createGauge: noting('gauge') };
  metrics.setGlobalMeterProvider({ getMeter: () => meter } as unknown as MeterProvider);
  const observe = createOtelObserver();
  observe([
    batchOf(T0, 'a:1', { redis_up: 1, 'redis_command_calls|command=get': 7 }),
    { ...batchOf(T0, 'azure', { azure_keys: 1 }) },
  ]);
  const labels = { cache: 'test', node: 'a:1' };
  expect(said).toEqual([
    ['gauge', 'redis_up', 1, labels],
    ['counter', 'redis_command_calls', 7, { ...labels, command: 'get' }],
  ]);
});

test('without a provider nothing happens', () => {
  expect(() => createOtelObserver()([batchOf(T0, 'a:1', { redis_up: 1 })])).not.toThrow();
});
