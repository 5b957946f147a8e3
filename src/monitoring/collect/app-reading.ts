import type { QueueClient } from '@azure/storage-queue';
import type { StorageClients } from '../../storage/clients';
import { isCounter } from '../metrics/metric-catalog';
import { seriesKey } from '../samples/sample-store';

/** The app's metrics: gauges that its parts `set`, and counters that they `add` to. */
export type AppReading = { readonly gauges: Record<string, number>; readonly counters: Record<string, number> };

/**
 * The app's own metrics, from the hash in which all processes count: `sweepKeys|pass=sessions` becomes
 * `steward_sweep_keys` with that label.
 */
export function readAppCounters(fields: ReadonlyMap<string, number>): AppReading {
  const reading: AppReading = { gauges: {}, counters: {} };
  for (const [field, value] of fields) {
    if (!Number.isFinite(value)) continue;
    const [rawName = '', rawLabels = ''] = field.split('|', 2);
    const name = metricName(rawName);
    const labels: Record<string, string> = {};
    for (const pair of rawLabels.split(',')) {
      const equals = pair.indexOf('=');
      if (equals > 0) labels[labelName(pair.slice(0, equals))] = pair.slice(equals + 1);
    }
    reading[isCounter(name) ? 'counters' : 'gauges'][seriesKey(name, labels)] = value;
  }
  return reading;
}

const snake = (text: string) =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();

export const metricName = (name: string): string => {
  const clean = snake(name).replace(/_total$/, '');
  return clean.startsWith('steward_') ? clean : `steward_${clean}`;
};
const labelName = (label: string): string => snake(label).replace(/^(?=\d)/, '_');

/** Length and age of the queues. `queues` maps the purpose of a queue to its name in the storage account. */
export async function readQueues(
  storage: StorageClients,
  queues: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<Record<string, number>> {
  const gauges: Record<string, number> = {};
  await Promise.all(
    Object.entries(queues).map(async ([queue, name]) => {
      const [work, poison] = await Promise.all([storage.queue(name), storage.queue(`${name}-poison`)]);
      const [depth, age, poisoned] = await Promise.all([messages(work), oldestSeconds(work, nowMs), messages(poison)]);
      gauges[seriesKey('steward_queue_messages', { queue })] = depth;
      gauges[seriesKey('steward_queue_oldest_seconds', { queue })] = age;
      gauges[seriesKey('steward_poison_messages', { queue })] = poisoned;
    }),
  );
  return gauges;
}

const messages = async (queue: QueueClient): Promise<number> =>
  (await queue.getProperties()).approximateMessagesCount ?? 0;

/** Only visible messages can be peeked: messages that are being processed or delayed do not count. */
export async function oldestSeconds(queue: QueueClient, nowMs: number): Promise<number> {
  const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 32 });
  const inserted = peekedMessageItems.map(({ insertedOn }) => insertedOn.getTime());
  return inserted.length === 0 ? 0 : Math.max(0, (nowMs - Math.min(...inserted)) / 1_000);
}
