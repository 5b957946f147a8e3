import { type Baseline, type Labels, lastOf, parseSeriesKey, type SampleBatch } from '../samples/sample-store';
import { catalog, isCounter } from './metric-catalog';

/**
 * The newest samples in Prometheus' text format. Counters are shown as their growth since their source was first seen
 * (`_total`), which neither a restart nor a failover reduces.
 */
export function renderPrometheus(batches: readonly SampleBatch[], baselines: readonly Baseline[]): string {
  const families = new Map<string, { help: string; type: 'gauge' | 'counter'; lines: string[] }>();
  const linesOf = (name: string, exported: string): string[] => {
    const family = families.get(exported) ?? {
      help: helpOf(name),
      type: isCount(name) ? 'counter' : 'gauge',
      lines: [],
    };
    families.set(exported, family);
    return family.lines;
  };
  const add = (key: string, shared: Labels, value: number) => {
    const { name, labels } = parseSeriesKey(key);
    const exported = isCount(name) ? `${name}_total` : name;
    linesOf(name, exported).push(`${exported}${labelText({ ...shared, ...labels })} ${numberText(value)}`);
  };

  for (const batch of batches) {
    for (const [key, value] of Object.entries(batch.values)) {
      if (!isCount(parseSeriesKey(key).name)) add(key, batch.labels, lastOf(value));
    }
    const baseline = baselines.find(({ source }) => source === batch.source);
    for (const [key, total] of Object.entries(baseline?.totals ?? {})) add(key, batch.labels, total);
    if (Object.keys(batch.info).length > 0) add(NODE_INFO, { ...batch.labels, ...batch.info }, 1);
  }
  const text: string[] = [];
  for (const [name, { type, help, lines }] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    text.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines);
  }
  return `${text.join('\n')}\n`;
}

const NODE_INFO = 'redis_node_info';
const isCount = (name: string) => name !== NODE_INFO && isCounter(name);

function helpOf(name: string): string {
  if (name === NODE_INFO) return 'Role, version and mode of a node, as labels.';
  const metric = catalog[name];
  return (metric ? `${metric.help} [${metric.unit}]` : 'A counter of the app itself.')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', ' ');
}

/** `{a="b"}`, sorted by label; empty without labels. */
export function labelText(labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}=${quoted(labels[name] ?? '')}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const quoted = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;

const numberText = (value: number) =>
  Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
