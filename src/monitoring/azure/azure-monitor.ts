import type { Metric as AzureMetric, MetricsQueryClient } from '@azure/monitor-query';
import { azureCredential } from '../../azure-credential';
import { MINUTE } from '../../clock';
import { missing } from '../../optional-packages';
import type { Settings } from '../../settings';
import { type SampleBatch, seriesKey } from '../samples/sample-store';

/** Reads platform metrics. This is the only module that uses Azure Monitor. */
export interface PlatformMetrics {
  /** One batch for each of the last minutes that has points. Points that arrive late come with a later call. */
  read(at: number): Promise<readonly SampleBatch[]>;
}

interface Wanted {
  readonly name: string;
  readonly use: 'average' | 'maximum' | 'total';
  readonly divide?: number;
}

/** Our metrics by the lower-case name of the platform metric: the names of the offerings differ only in case. */
const wanted: Readonly<Record<string, Wanted>> = {
  serverload: { name: 'azure_server_load_share', use: 'maximum', divide: 100 },
  percentprocessortime: { name: 'azure_cpu_share', use: 'maximum', divide: 100 },
  usedmemorypercentage: { name: 'azure_memory_used_share', use: 'maximum', divide: 100 },
  usedmemory: { name: 'azure_memory_used_bytes', use: 'maximum' },
  connectedclients: { name: 'azure_clients', use: 'maximum' },
  cachelatency: { name: 'azure_latency_seconds', use: 'average', divide: 1e6 },
  operationspersecond: { name: 'azure_ops_per_second', use: 'maximum' },
  totalkeys: { name: 'azure_keys', use: 'maximum' },
  cacheread: { name: 'azure_read_bytes_per_second', use: 'maximum' },
  cachewrite: { name: 'azure_write_bytes_per_second', use: 'maximum' },
  cachehits: { name: 'azure_hits', use: 'total' },
  cachemisses: { name: 'azure_misses', use: 'total' },
  evictedkeys: { name: 'azure_evicted_keys', use: 'total' },
  expiredkeys: { name: 'azure_expired_keys', use: 'total' },
  errors: { name: 'azure_errors', use: 'maximum' },
  georeplicationhealthy: { name: 'azure_geo_healthy', use: 'maximum' },
};

/** Metrics with the dimension that splits them: one query each, since a query has one filter for all its metrics. */
type Query = { readonly metrics: readonly string[]; readonly dimension?: string };

export const offerings: Readonly<Record<'premium' | 'managed', readonly Query[]>> = {
  premium: [
    {
      dimension: 'ShardId',
      metrics: [
        ...['serverLoad', 'percentProcessorTime', 'usedmemorypercentage', 'usedmemory', 'connectedclients'],
        ...['cacheLatency', 'operationsPerSecond', 'totalkeys', 'cacheRead', 'cacheWrite', 'cachehits', 'cachemisses'],
        ...['evictedkeys', 'expiredkeys'],
      ],
    },
    { dimension: 'ErrorType', metrics: ['errors'] },
  ],
  managed: [
    {
      metrics: [
        ...['serverLoad', 'usedmemorypercentage', 'usedmemory', 'operationsPerSecond', 'totalkeys', 'cachehits'],
        ...['cachemisses', 'evictedkeys', 'expiredkeys'],
      ],
    },
    {
      dimension: 'InstanceId',
      metrics: ['percentProcessorTime', 'connectedclients', 'cacheLatency', 'cacheRead', 'cacheWrite'],
    },
  ],
};

const labelOf: Readonly<Record<string, string>> = { shardid: 'shard', instanceid: 'instance', errortype: 'type' };

/** Points arrive some minutes late, and the newest may still grow, so every call reads the last minutes again. */
const LOOK_BACK = 10 * MINUTE;

export interface PlatformMetricsOptions {
  readonly settings: Pick<Settings, 'AZURE_REDIS_RESOURCE_ID' | 'AZURE_MONITOR_ENDPOINT' | 'CACHE_NAME'> & {
    readonly AzureWebJobsStorage__clientId: string | undefined;
  };
  /** Replaces the endpoint of Azure Monitor and the identity of this process. Default: none. */
  readonly connection?: { readonly credential: Credential; readonly options: ClientOptions };
}

type Credential = ConstructorParameters<typeof MetricsQueryClient>[0];
type ClientOptions = NonNullable<ConstructorParameters<typeof MetricsQueryClient>[1]>;

/** Undefined if no resource id is set. The SDK is imported at the first read. */
export function createPlatformMetrics({ settings, connection }: PlatformMetricsOptions): PlatformMetrics | undefined {
  const resource = settings.AZURE_REDIS_RESOURCE_ID;
  if (resource === undefined) return undefined;
  const queries = offerings[/\/redisenterprise\//i.test(resource) ? 'managed' : 'premium'];
  let client: Promise<MetricsQueryClient> | undefined;

  return {
    read: async (at) => {
      client ??= connect(settings, connection);
      const monitor = await client;
      const timespan = { startTime: new Date(at - LOOK_BACK), endTime: new Date(at) };
      const answers = await Promise.all(
        queries.map(({ metrics, dimension }) =>
          monitor.queryResource(resource, [...metrics], {
            granularity: 'PT1M',
            timespan,
            aggregations: ['Average', 'Maximum', 'Total'],
            // With the default time-out, the SDK's retries would take longer than a minute.
            requestOptions: { timeout: 20_000 },
            ...(dimension ? { filter: `${dimension} eq '*'`, top: 100 } : {}),
          }),
        ),
      );
      return toBatches(
        answers.flatMap(({ metrics }) => metrics),
        settings.CACHE_NAME,
      );
    },
  };
}

const loadMonitor = () =>
  import('@azure/monitor-query').catch(missing('@azure/monitor-query@1', 'Metrics of Azure Monitor'));

async function connect(settings: PlatformMetricsOptions['settings'], connection: PlatformMetricsOptions['connection']) {
  const { MetricsQueryClient } = await loadMonitor();
  if (connection) return new MetricsQueryClient(connection.credential, connection.options);
  const credential = await azureCredential(settings.AzureWebJobsStorage__clientId);
  const endpoint = settings.AZURE_MONITOR_ENDPOINT;
  return new MetricsQueryClient(credential, endpoint ? { endpoint } : {});
}

/** One batch per minute. A point without the wanted value (its minute is not complete yet) makes no sample. */
export function toBatches(metrics: readonly AzureMetric[], cache: string): readonly SampleBatch[] {
  const minutes = new Map<number, Record<string, number>>();
  for (const metric of metrics) {
    const want = wanted[metric.name.toLowerCase()];
    if (!want) continue;
    for (const { metadataValues = [], data = [] } of metric.timeseries) {
      const labels: Record<string, string> = {};
      for (const { name, value } of metadataValues) {
        const label = labelOf[(name ?? '').toLowerCase()];
        if (label && value) labels[label] = value;
      }
      for (const point of data) {
        const value = point[want.use];
        if (value === undefined || value === null || !Number.isFinite(value)) continue;
        const at = Math.floor(point.timeStamp.getTime() / MINUTE) * MINUTE;
        const values = minutes.get(at) ?? {};
        minutes.set(at, values);
        values[seriesKey(want.name, labels)] = value / (want.divide ?? 1);
      }
    }
  }
  return [...minutes]
    .sort(([a], [b]) => a - b)
    .map(([at, values]) => ({ at, source: 'azure', labels: { cache }, info: {}, values }));
}
