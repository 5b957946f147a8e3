import type { Redis } from 'ioredis';
import { parseInfo } from '../../redis';
import { seriesKey } from '../samples/sample-store';
import { type Info, infoNumber } from './info';

/** The results of optional commands beside INFO. A server may refuse each (Enterprise, ACLs, old versions). */
export interface ProbeResults {
  readonly gauges: Record<string, number>;
  readonly counters: Record<string, number>;
  /** Probes that the server refused. */
  readonly unsupported: readonly string[];
}

/** CLIENT LIST costs the server a line for each client. */
const MOST_CLIENTS_LISTED = 1_000;
const MOST_CLIENT_NAMES = 20;

interface Probe {
  readonly name: string;
  readonly command: readonly (string | number)[];
  applies(info: Info): boolean;
  read(reply: unknown, into: ProbeResults, sinceMs: number): void;
}

const probes: readonly Probe[] = [
  {
    name: 'slowlog',
    command: ['SLOWLOG', 'GET', 16],
    applies: () => true,
    read: (reply, { gauges, counters }, sinceMs) => {
      const entries = Array.isArray(reply) ? (reply as [number, number, number][]) : [];
      // Ids grow as long as the server runs; SLOWLOG RESET does not reset them.
      counters.redis_slowlog_entries = entries.length === 0 ? 0 : Number(entries[0]?.[0]) + 1;
      const recent = entries.filter(([, seconds]) => seconds * 1_000 >= sinceMs).map(([, , micros]) => micros / 1e6);
      gauges.redis_slowlog_slowest_seconds = Math.max(0, ...recent);
    },
  },
  {
    name: 'latency histogram',
    command: ['LATENCY', 'HISTOGRAM'],
    applies: (info) => Number(info.get('redis_version')?.split('.')[0]) >= 7,
    read: (reply, { counters }) => {
      for (const [micros, calls] of latencyBuckets(reply)) {
        counters[seriesKey('redis_latency_calls', { us: String(micros) })] = calls;
      }
    },
  },
  {
    name: 'client list',
    command: ['CLIENT', 'LIST'],
    applies: (info) => (infoNumber(info, 'connected_clients') ?? 0) <= MOST_CLIENTS_LISTED,
    read: (reply, { gauges }) => {
      for (const [client, count] of clientsByName(String(reply))) {
        gauges[seriesKey('redis_clients_named', { client })] = count;
      }
    },
  },
  {
    name: 'cluster info',
    command: ['CLUSTER', 'INFO'],
    applies: (info) => info.get('cluster_enabled') === '1',
    read: (reply, { gauges }) => {
      const cluster = parseInfo(String(reply));
      gauges.redis_cluster_ok = cluster.get('cluster_state') === 'ok' ? 1 : 0;
      gauges.redis_cluster_slots_failing =
        (infoNumber(cluster, 'cluster_slots_pfail') ?? 0) + (infoNumber(cluster, 'cluster_slots_fail') ?? 0);
    },
  },
];

/** Runs the probes that apply in one round trip, except those in `refused`. */
export async function runProbes(
  client: Redis,
  info: Info,
  refused: ReadonlySet<string>,
  sinceMs: number,
): Promise<ProbeResults> {
  const asked = probes.filter((probe) => !refused.has(probe.name) && probe.applies(info));
  const pipeline = client.pipeline();
  for (const { command } of asked) pipeline.call(...(command as [string, ...string[]]));
  const replies = (await pipeline.exec()) ?? [];
  const unsupported: string[] = [];
  const results: ProbeResults = { gauges: {}, counters: {}, unsupported };
  asked.forEach((probe, index) => {
    const [error, reply] = replies[index] ?? [new Error('no reply')];
    if (error) unsupported.push(probe.name);
    else probe.read(reply, results, sinceMs);
  });
  return results;
}

/**
 * Cumulative calls of all commands by upper bound in microseconds. The reply holds each command's name and a flat list, in
 * which `histogram_usec` is followed by alternating bounds and counts (a map in RESP3).
 */
export function latencyBuckets(reply: unknown): ReadonlyMap<number, number> {
  const perCommand: Map<number, number>[] = [];
  for (const fields of pairs(reply).values()) {
    const histogram = pairs(pairs(fields).get('histogram_usec'));
    perCommand.push(new Map([...histogram].map(([bound, calls]) => [Number(bound), Number(calls)])));
  }
  const bounds = [...new Set(perCommand.flatMap((buckets) => [...buckets.keys()]))].sort((a, b) => a - b);
  const totals = new Map(bounds.map((bound) => [bound, 0]));
  for (const buckets of perCommand) {
    // A command lists only the bounds at which its count grows; in between the count stays the same.
    let reached = 0;
    for (const bound of bounds) {
      reached = buckets.get(bound) ?? reached;
      totals.set(bound, (totals.get(bound) ?? 0) + reached);
    }
  }
  return totals;
}

function pairs(reply: unknown): Map<string, unknown> {
  if (reply instanceof Map) return new Map([...reply].map(([key, value]) => [String(key), value]));
  if (Array.isArray(reply)) {
    const map = new Map<string, unknown>();
    for (let index = 0; index + 1 < reply.length; index += 2) map.set(String(reply[index]), reply[index + 1]);
    return map;
  }
  return new Map(Object.entries((reply ?? {}) as Record<string, unknown>));
}

/** Connections by their name (CLIENT SETNAME). Digits become `#`, so that a process id does not become a label. */
export function clientsByName(list: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of list.split('\n')) {
    const name = / name=(\S*)/.exec(line)?.[1];
    if (name === undefined) continue;
    const label = name.replace(/\d+/g, '#') || 'unnamed';
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const rest = sorted.slice(MOST_CLIENT_NAMES).reduce((sum, [, count]) => sum + count, 0);
  return new Map([...sorted.slice(0, MOST_CLIENT_NAMES), ...(rest > 0 ? [['other', rest] as const] : [])]);
}
