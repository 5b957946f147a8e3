import { lastOf, type SampleBatch } from '../samples/sample-store';

/** The shape that the team's pages use. Null if the server does not report it, or too little has happened. */
export type Overview = ReturnType<typeof overviewOf>;

/** With fewer lookups a ratio would be noise. */
const FEWEST_LOOKUPS = 10;

/** The figures of one tick over all nodes; counts are since the last tick. */
export function overviewOf(batches: readonly SampleBatch[]) {
  const nodes = batches.filter(({ labels }) => labels.node !== undefined);
  const values = (name: string) =>
    nodes.flatMap((batch) => (batch.values[name] === undefined ? [] : [batch.values[name]]));
  const total = (name: string) => {
    const found = values(name);
    return found.length === 0 ? null : found.reduce<number>((sum, value) => sum + lastOf(value), 0);
  };
  const most = (name: string) => {
    const found = values(name).map(lastOf);
    return found.length === 0 ? null : Math.max(...found);
  };
  const seconds = most('redis_interval_seconds');
  const commands = total('redis_commands');
  return {
    memory: {
      used: total('redis_memory_used_bytes'),
      peak: total('redis_memory_peak_bytes'),
      fragmentation: most('redis_fragmentation_ratio'),
    },
    performance: {
      ops_per_sec: commands !== null && seconds ? commands / seconds : total('redis_ops_per_second'),
      /** Of the lookups since the last sample, over all nodes: sums first, then the ratio. */
      hit_rate: ratio(total('redis_keyspace_hits'), total('redis_keyspace_misses')),
      evicted_keys: total('redis_evicted_keys'),
    },
    connections: {
      connected: total('redis_clients'),
      blocked: total('redis_clients_blocked'),
      rejected: total('redis_rejected_connections'),
    },
    persistence: {
      last_save: most('redis_rdb_last_save'),
      changes_since_save: total('redis_rdb_changes'),
      aof_rewrite_in_progress: most('redis_aof_rewriting'),
    },
  };
}

/** hits / (hits + misses); null below `fewest` lookups. */
export function ratio(hits: number | null, misses: number | null, fewest = FEWEST_LOOKUPS): number | null {
  if (hits === null || misses === null || hits + misses < fewest) return null;
  return hits / (hits + misses);
}
