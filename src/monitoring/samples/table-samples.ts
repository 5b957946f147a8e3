import type { TableClient, TransactionAction } from '@azure/data-tables';
import { DAY } from '../../clock';
import type { StorageClients } from '../../storage/clients';
import type { Baseline, Resolution, SampleBatch, SampleStore } from './sample-store';

/**
 * Samples in Table Storage, one table for each resolution. A partition holds a day of minutes, a month of hours or a year
 * of days; a row's key is the time and the source. The baseline of a source is in the partition of its day, so that one
 * transaction writes both: a crash cannot count a growth twice or lose it.
 */
export function createTableSampleStore(options: { readonly storage: StorageClients }): SampleStore {
  const table = (resolution: Resolution) => options.storage.table(`samples${resolution}`);

  return {
    write: async (batches, baselines) => {
      const byDay = new Map<string, TransactionAction[][]>();
      for (const batch of batches) {
        const partition = partitionOf('minute', batch.at);
        const actions: TransactionAction[] = [['upsert', batchRow('minute', batch), 'Replace']];
        const baseline = baselines.find(({ source }) => source === batch.source);
        if (baseline) actions.push(['upsert', baselineRow(partition, baseline), 'Replace']);
        byDay.set(partition, [...(byDay.get(partition) ?? []), actions]);
      }
      for (const groups of byDay.values()) await submit(await table('minute'), groups);
    },
    baselines: async (now) => {
      const client = await table('minute');
      const newest = new Map<string, Baseline>();
      for (const partition of [partitionOf('minute', now - DAY), partitionOf('minute', now)]) {
        const filter = `PartitionKey eq '${partition}' and RowKey ge 'b|' and RowKey lt 'c'`;
        for await (const row of client.listEntities({ queryOptions: { filter } })) {
          const baseline = fromRow<Baseline>(row);
          if (baseline.at > now - DAY) newest.set(baseline.source, baseline);
        }
      }
      return [...newest.values()];
    },
    writeRolled: async (resolution, batches) => {
      const byPartition = Map.groupBy(batches, ({ at }) => partitionOf(resolution, at));
      for (const group of byPartition.values()) {
        await submit(
          await table(resolution),
          group.map((batch) => [['upsert', batchRow(resolution, batch), 'Replace']]),
        );
      }
    },
    read: async ({ after, until, resolution = 'minute' }) => {
      const client = await table(resolution);
      const filter =
        `PartitionKey ge '${partitionOf(resolution, after)}' and PartitionKey le '${partitionOf(resolution, until)}'` +
        ` and RowKey gt 't|${timeKey(after)}~' and RowKey lt 't|${timeKey(until)}~'`;
      const batches: SampleBatch[] = [];
      for await (const row of client.listEntities({ queryOptions: { filter } })) batches.push(fromRow(row));
      return batches;
    },
    prune: async (resolution, before) => {
      const client = await table(resolution);
      const filter = `PartitionKey le '${partitionOf(resolution, before)}' and RowKey lt 't|${timeKey(before)}'`;
      const queryOptions = { filter, select: ['PartitionKey', 'RowKey'] };
      const rows: { partitionKey: string; rowKey: string }[] = [];
      for await (const page of client.listEntities({ queryOptions }).byPage({ maxPageSize: 1_000 })) {
        for (const { partitionKey, rowKey } of page) {
          if (partitionKey && rowKey) rows.push({ partitionKey, rowKey });
        }
        if (rows.length >= MOST_PRUNED) break;
      }
      for (const group of Map.groupBy(rows, ({ partitionKey }) => partitionKey).values()) {
        await submit(
          client,
          group.map((row) => [['delete', row]]),
        );
      }
      return rows.length;
    },
  };
}

const MOST_PRUNED = 5_000;
/** The limit of Table Storage; the other one is 4 MiB. */
const ROWS_A_TRANSACTION = 100;
/** Table Storage allows 32 Ki characters in a text property. */
const CHARACTERS_A_PROPERTY = 32_000;

const timeKey = (at: number) => new Date(at).toISOString();

const partitionOf = (resolution: Resolution, at: number): string =>
  timeKey(at).slice(0, { minute: 10, hour: 7, day: 4 }[resolution]);

interface Row extends Record<string, string> {
  partitionKey: string;
  rowKey: string;
}

function batchRow(resolution: Resolution, batch: SampleBatch): Row {
  const rowKey = `t|${timeKey(batch.at)}|${batch.source}`;
  return { partitionKey: partitionOf(resolution, batch.at), rowKey, ...chunks(batch) };
}

const baselineRow = (partitionKey: string, baseline: Baseline): Row => ({
  partitionKey,
  rowKey: `b|${baseline.source}`,
  ...chunks(baseline),
});

function chunks(value: unknown): Record<string, string> {
  const text = JSON.stringify(value);
  const parts: Record<string, string> = {};
  for (let index = 0; index * CHARACTERS_A_PROPERTY < text.length; index += 1) {
    parts[`j${index}`] = text.slice(index * CHARACTERS_A_PROPERTY, (index + 1) * CHARACTERS_A_PROPERTY);
  }
  return parts;
}

function fromRow<T>(row: object): T {
  const parts = row as Record<string, string>;
  let text = '';
  for (let index = 0; parts[`j${index}`] !== undefined; index += 1) text += parts[`j${index}`];
  return JSON.parse(text) as T;
}

/** Sends the groups of one partition, several in a transaction, but no group in two. */
async function submit(client: TableClient, groups: readonly TransactionAction[][]): Promise<void> {
  let pending: TransactionAction[] = [];
  const flush = async () => {
    if (pending.length > 0) await client.submitTransaction(pending);
    pending = [];
  };
  for (const group of groups) {
    if (pending.length + group.length > ROWS_A_TRANSACTION) await flush();
    pending.push(...group);
  }
  await flush();
}
