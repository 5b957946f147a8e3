import { appMetrics, azureMetrics, isCounter, type Metric, nodeMetrics } from './metric-catalog';

/** docs/metrics.md: every metric with its unit and formula, from the catalog. */
export function renderMetricsDoc(): string {
  const table = (metrics: Readonly<Record<string, Metric>>) => [
    '| metric | kind | unit | labels | what it is |',
    '|---|---|---|---|---|',
    ...Object.entries(metrics).map(([name, { unit, help, labels = [] }]) => {
      const kind = isCounter(name) ? 'counter' : 'gauge';
      return `| \`${name}\` | ${kind} | ${unit} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help.replaceAll('|', '\\|')} |`;
    }),
    '',
  ];
  return [
    '# Metrics',
    '',
    'Generated from `src/monitoring/metrics/metric-catalog.ts`; a test fails when the two differ.',
    '',
    'A *gauge* is stored as it was read. A *counter* is stored as what it grew by since the sample before, so that sums',
    'over time and over nodes are plain sums, and a ratio is a sum over a sum. What a counter has grown by is worked out',
    'per node: with the same `run_id` a value that went down was reset and has grown by what it is; another `run_id` is a',
    'new beginning, and that one sample has no counters. The same is true after a gap of more than 15 minutes.',
    '',
    'Every sample has the label `cache` (CACHE_NAME), those of a node also `node`, its address. Role and version are no',
    'labels, since they change: at a failover the series would end and an alert’s clock begin anew. `/api/metrics` shows',
    'them as `redis_node_info`, and shows counters as `<name>_total`: what they have grown by since the node was first',
    'seen, over restarts and failovers.',
    '',
    'Samples of each minute are kept for SAMPLES_MINUTE_DAYS, hours (count, sum, least, greatest, last) for',
    'SAMPLES_HOUR_DAYS, days for SAMPLES_DAY_DAYS, in the tables `samplesminute`, `sampleshour` and `samplesday`.',
    '',
    '## Of a node',
    '',
    'From INFO, and in a second round trip from SLOWLOG, LATENCY HISTOGRAM (Redis 7), CLIENT LIST (up to 1,000 clients)',
    'and CLUSTER INFO. A command that the server refuses is asked once and its metrics are left out.',
    '',
    ...table(nodeMetrics),
    '## Of the app itself',
    '',
    'Counted by all processes in one hash in Redis, and read by the collector; queues and dead letters from storage. A',
    'counter that isn’t listed here is stored all the same, as `steward_<name>`.',
    '',
    ...table(appMetrics),
    '## Of Azure Monitor',
    '',
    'With AZURE_REDIS_RESOURCE_ID. The last ten minutes are read at every collection, since points come late.',
    '',
    ...table(azureMetrics),
  ].join('\n');
}
