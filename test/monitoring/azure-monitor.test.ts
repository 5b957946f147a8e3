import { createHttpHeaders, type PipelineRequest } from '@azure/core-rest-pipeline';
import { MINUTE } from '../../src/clock';
import { createPlatformMetrics } from '../../src/monitoring';
import { offerings } from '../../src/monitoring/azure/azure-monitor';
import { settingsFor, T0 } from './support';

const asked: URL[] = [];
let refuse = 0;

/** Answers as Azure Monitor's REST does, to the real SDK: two dimensions' values, the newest minute not complete yet. */
function monitorDouble(resource: string, values: readonly string[]) {
  const sendRequest = async (request: PipelineRequest) => {
    const url = new URL(request.url);
    asked.push(url);
    const headers = createHttpHeaders({ 'content-type': 'application/json', 'retry-after-ms': '1' });
    if (refuse > 0) {
      refuse -= 1;
      return {
        request,
        headers,
        status: 429,
        bodyAsText: '{"error":{"code":"TooManyRequests","message":"slow down"}}',
      };
    }
    const dimension = /^(\w+) eq/.exec(url.searchParams.get('$filter') ?? '')?.[1];
    const series = (value: string | undefined) => ({
      metadatavalues: value === undefined ? [] : [{ name: { value: dimension, localizedValue: dimension }, value }],
      data: [
        { timeStamp: new Date(T0 - 2 * MINUTE).toISOString(), average: 4_000, maximum: 80, total: 7 },
        { timeStamp: new Date(T0 - MINUTE).toISOString() },
      ],
    });
    const value = (url.searchParams.get('metricnames') ?? '').split(',').map((name) => ({
      ...{ id: `${resource}/${name}`, type: 'Microsoft.Insights/metrics', unit: 'Count', errorCode: 'Success' },
      name: { value: name, localizedValue: name },
      timeseries: dimension ? values.map(series) : [series(undefined)],
    }));
    const body = {
      cost: 0,
      timespan: `${new Date(T0).toISOString()}/${new Date(T0).toISOString()}`,
      interval: 'PT1M',
      value,
    };
    return { request, headers, status: 200, bodyAsText: JSON.stringify(body) };
  };
  return createPlatformMetrics({
    settings: settingsFor({ AZURE_REDIS_RESOURCE_ID: resource }),
    connection: {
      credential: { getToken: async () => ({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 }) },
      options: { httpClient: { sendRequest } },
    },
  });
}

beforeEach(() => {
  asked.length = 0;
});

test('no resource id, no platform metrics', () => {
  expect(createPlatformMetrics({ settings: settingsFor({}) })).toBeUndefined();
});

test('Azure Cache for Redis: by shard, in our names and units, and a minute that is not complete is no sample', async () => {
  const platform = monitorDouble('/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redis/r', ['0', '1']);
  const batches = (await platform?.read(T0)) ?? [];
  expect(batches.map(({ at, source }) => [at, source])).toEqual([[T0 - 2 * MINUTE, 'azure']]);
  expect(batches[0]?.values).toMatchObject({
    'azure_server_load_share|shard=0': 0.8,
    'azure_server_load_share|shard=1': 0.8,
    'azure_latency_seconds|shard=0': 0.004,
    'azure_hits|shard=1': 7,
    'azure_errors|type=0': 80,
  });
  expect(asked.map((url) => url.searchParams.get('$filter')).sort()).toEqual(["ErrorType eq '*'", "ShardId eq '*'"]);
});

test('Azure Managed Redis: the metrics without a dimension and those by instance, none that it does not have', async () => {
  const platform = monitorDouble('/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redisEnterprise/r', [
    'i0',
  ]);
  const [batch] = (await platform?.read(T0)) ?? [];
  expect(batch?.values).toMatchObject({
    azure_memory_used_share: 0.8,
    'azure_clients|instance=i0': 80,
    azure_misses: 7,
  });
  expect(Object.keys(batch?.values ?? {}).join()).not.toContain('azure_errors');
  expect(offerings.managed.flatMap(({ metrics }) => metrics)).not.toContain('errors');
});

test('a throttled answer is asked for again, and the last ten minutes come with each call', async () => {
  const platform = monitorDouble('/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redis/r', ['0']);
  refuse = 1;
  expect(await platform?.read(T0)).toHaveLength(1);
  expect(asked).toHaveLength(3);
  const [from, until] = (asked[0]?.searchParams.get('timespan') ?? '').split('/').map((text) => Date.parse(text));
  expect((until ?? 0) - (from ?? 0)).toBe(10 * MINUTE);
});
