import { appMetrics, azureMetrics, isCounter, type Metric, nodeMetrics } from './metric-catalog';

/** The text of docs/metrics.md: every metric with its unit and formula. */
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
    'Generated from `src/monitoring/metrics/metric-catalog.ts` by `npm run generate`; `npm run check` fails if it is out of date.',
    '',
    'A *gauge* is stored as it was read. A *counter* is stored as its growth since the last sample. Sums over time and',
    'over nodes are then plain sums, and a ratio is a sum over a sum. The growth is computed per node. If a value went down',
    'under the same `run_id`, the counter was reset: its growth is the new value. Under a new `run_id`, and after a gap of',
    'more than 15 minutes, counting starts again, and that one sample has no counters.',
    '',
    'Every sample has the label `cache` (CACHE_NAME); samples of a node also have `node`, its address. Role and version are',
    'not labels, because they change: a failover would end the series and restart the clock of every alert. `/api/metrics`',
    'shows them as `redis_node_info`. It shows counters as `<name>_total`: their growth since the node was first seen, over',
    'restarts and failovers.',
    '',
    'The tables `samplesminute`, `sampleshour` and `samplesday` keep samples of each minute for SAMPLES_MINUTE_DAYS, of each',
    'hour (count, sum, least, greatest, last) for SAMPLES_HOUR_DAYS, and of each day for SAMPLES_DAY_DAYS.',
    '',
    '## Nodes',
    '',
    'From INFO, and in a second round trip from SLOWLOG, LATENCY HISTOGRAM (Redis 7), CLIENT LIST (up to 1,000 clients)',
    'and CLUSTER INFO. A command that the server refuses is sent only once, and its metrics are left out.',
    '',
    ...table(nodeMetrics),
    '## The app',
    '',
    'All processes count in one hash in Redis, which the collector reads. The numbers of queues and dead letters come from',
    'the storage account. Other counters that a web app adds are stored too, as `steward_<name>`.',
    '',
    ...table(appMetrics),
    '## Azure Monitor',
    '',
    'Only with AZURE_REDIS_RESOURCE_ID. Every collection reads the last ten minutes, because points arrive late.',
    '',
    ...table(azureMetrics),
  ].join('\n');
}
