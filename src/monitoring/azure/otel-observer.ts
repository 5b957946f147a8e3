import type { Meter } from '@opentelemetry/api';
import { openTelemetry } from '../../open-telemetry';
import { isCounter } from '../metrics/metric-catalog';
import { lastOf, parseSeriesKey, type SampleBatch } from '../samples/sample-store';

/**
 * Passes every collection to OpenTelemetry: gauges as they are, counters as their growth. The meter provider that is
 * registered in the process decides where they go; without one this costs nothing. Platform metrics are left out, since
 * Azure Monitor has them already.
 */
export function createOtelObserver(): (batches: readonly SampleBatch[]) => void {
  const instruments = new Map<string, (value: number, labels: Record<string, string>) => void>();
  const instrument = (meter: Meter, name: string) => {
    const known = instruments.get(name);
    if (known) return known;
    const counter = isCounter(name) ? meter.createCounter(name) : undefined;
    const gauge = counter ? undefined : meter.createGauge(name);
    const record = (value: number, labels: Record<string, string>) =>
      counter ? counter.add(value, labels) : gauge?.record(value, labels);
    instruments.set(name, record);
    return record;
  };
  return (batches) => {
    const meter = openTelemetry()?.metrics.getMeter('cache-steward');
    if (!meter) return;
    for (const { source, labels: shared, values } of batches) {
      if (source === 'azure') continue;
      for (const [key, value] of Object.entries(values)) {
        const { name, labels } = parseSeriesKey(key);
        instrument(meter, name)(lastOf(value), { ...shared, ...labels });
      }
    }
  };
}
