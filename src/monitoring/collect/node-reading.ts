import { type Labels, seriesKey } from '../samples/sample-store';
import { type Info, infoFamily, infoNumber, infoParts } from './info';

/** Limits that some servers do not report: Redis 6.0 has no `maxclients`, and Azure blocks CONFIG. */
export interface NodeLimits {
  readonly maxMemoryBytes?: number | undefined;
  readonly maxClients?: number | undefined;
}

/** The metrics in one INFO reply, by series key; counters with their present values. */
export interface NodeReading {
  readonly identity: string;
  readonly info: Labels;
  readonly gauges: Record<string, number>;
  readonly counters: Record<string, number>;
}

/** Gauges that are one field, unchanged. */
const plainGauges: Readonly<Record<string, string>> = {
  redis_uptime_seconds: 'uptime_in_seconds',
  redis_memory_used_bytes: 'used_memory',
  redis_memory_peak_bytes: 'used_memory_peak',
  redis_memory_rss_bytes: 'used_memory_rss',
  redis_memory_dataset_bytes: 'used_memory_dataset',
  redis_clients: 'connected_clients',
  redis_clients_blocked: 'blocked_clients',
  redis_ops_per_second: 'instantaneous_ops_per_sec',
  redis_rdb_last_save: 'rdb_last_save_time',
  redis_rdb_changes: 'rdb_changes_since_last_save',
  redis_aof_enabled: 'aof_enabled',
  redis_aof_rewriting: 'aof_rewrite_in_progress',
  redis_replicas: 'connected_slaves',
};

/** Counters: the sum of the fields that exist, from the first list in which any exists. */
const counterFields: Readonly<Record<string, readonly (readonly string[])[]>> = {
  redis_commands: [['total_commands_processed']],
  redis_connections: [['total_connections_received']],
  redis_rejected_connections: [['rejected_connections']],
  redis_keyspace_hits: [['keyspace_hits'], ['keyspace_read_hits', 'keyspace_write_hits']],
  redis_keyspace_misses: [['keyspace_misses'], ['keyspace_read_misses', 'keyspace_write_misses']],
  redis_expired_keys: [['expired_keys']],
  redis_evicted_keys: [['evicted_keys']],
  redis_net_input_bytes: [['total_net_input_bytes']],
  redis_net_output_bytes: [['total_net_output_bytes']],
  redis_engine_cpu_seconds: [
    ['used_cpu_user_main_thread', 'used_cpu_sys_main_thread'],
    ['used_cpu_user', 'used_cpu_sys'],
  ],
  redis_error_replies: [['total_error_replies']],
  redis_acl_denied: [
    ['acl_access_denied_auth', 'acl_access_denied_cmd', 'acl_access_denied_key', 'acl_access_denied_channel'],
  ],
  redis_full_syncs: [['sync_full']],
};

/** Turns one node's INFO into metrics. Missing fields are no error: they make no sample. */
export function readNode(info: Info, limits: NodeLimits, nowMs: number): NodeReading {
  const gauges: Record<string, number> = {};
  const counters: Record<string, number> = {};
  const put = (name: string, value: number | undefined, labels?: Labels) => {
    if (value !== undefined && Number.isFinite(value)) gauges[seriesKey(name, labels)] = value;
  };

  for (const [name, field] of Object.entries(plainGauges)) put(name, infoNumber(info, field));
  for (const [name, alternatives] of Object.entries(counterFields)) {
    for (const fields of alternatives) {
      const values = fields.map((field) => infoNumber(info, field)).filter((value) => value !== undefined);
      if (values.length === 0) continue;
      counters[name] = values.reduce((sum, value) => sum + value, 0);
      break;
    }
  }

  put('redis_up', 1);
  const role = info.get('role') === 'slave' ? 'replica' : 'master';
  put('redis_master', role === 'master' ? 1 : 0);
  memory(info, limits, put);
  const maxClients = infoNumber(info, 'maxclients') ?? limits.maxClients;
  put('redis_clients_max', maxClients);
  put('redis_clients_share', share(infoNumber(info, 'connected_clients'), maxClients));
  keyspace(info, put);
  persistence(info, nowMs, put);
  replication(info, put);
  commands(info, counters);

  const identity = info.get('run_id') ?? '';
  return {
    identity,
    info: {
      role,
      version: info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown',
      mode: info.get('redis_mode') ?? 'unknown',
    },
    gauges,
    counters,
  };
}

type Put = (name: string, value: number | undefined, labels?: Labels) => void;

const share = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || whole === undefined || whole <= 0 ? undefined : part / whole;

function memory(info: Info, limits: NodeLimits, put: Put): void {
  const used = infoNumber(info, 'used_memory');
  // A server without a limit reports 0: a share of that would be infinite.
  const max = infoNumber(info, 'maxmemory') || limits.maxMemoryBytes;
  put('redis_memory_max_bytes', max);
  put('redis_memory_used_share', share(used, max));
  const fragmented = infoNumber(info, 'allocator_frag_bytes') ?? infoNumber(info, 'mem_fragmentation_bytes');
  put(
    'redis_fragmentation_ratio',
    infoNumber(info, 'allocator_frag_ratio') ?? infoNumber(info, 'mem_fragmentation_ratio'),
  );
  put('redis_fragmentation_bytes', fragmented);
  put('redis_fragmentation_share', share(fragmented, used));
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined) put('redis_evicts_any_key', policy.startsWith('allkeys-') ? 1 : 0);
}

/** INFO leaves out empty databases. Database 0 always exists, so it counts as 0 keys. */
function keyspace(info: Info, put: Put): void {
  const databases = new Map([...infoFamily(info, 'db')].filter(([db]) => /^\d+$/.test(db)));
  if (info.has('keyspace_hits') && !databases.has('0')) databases.set('0', 'keys=0,expires=0,avg_ttl=0');
  for (const [db, text] of databases) {
    const { keys, expires, avg_ttl: ttl } = infoParts(text);
    put('redis_keys', keys, { db });
    put('redis_keys_with_ttl', expires, { db });
    if (keys !== undefined && expires !== undefined) {
      put('redis_keys_without_ttl_share', share(keys - expires, keys), { db });
    }
    put('redis_ttl_mean_seconds', ttl === undefined ? undefined : ttl / 1_000, { db });
  }
}

function persistence(info: Info, nowMs: number, put: Put): void {
  const saved = infoNumber(info, 'rdb_last_save_time');
  const saves = infoNumber(info, 'rdb_saves');
  // Until the first save, INFO reports the start of the server as the time of the last save; such a server has no snapshot
  // that could be stale. Before 7.0 there is no `rdb_saves`, but the last duration shows it.
  const everSaved = saves !== undefined ? saves > 0 : (infoNumber(info, 'rdb_last_bgsave_time_sec') ?? -1) >= 0;
  if (saved !== undefined && everSaved) put('redis_rdb_age_seconds', Math.max(0, nowMs / 1_000 - saved));
  const states = ['rdb_last_bgsave_status', 'aof_last_bgrewrite_status', 'aof_last_write_status']
    .map((field) => infoNumber(info, field))
    .filter((state) => state !== undefined);
  if (states.length > 0) put('redis_persistence_ok', Math.min(...states));
}

function replication(info: Info, put: Put): void {
  if (info.get('role') === 'slave') put('redis_replica_link_up', infoNumber(info, 'master_link_status'));
  const offset = infoNumber(info, 'master_repl_offset');
  for (const [index, text] of infoFamily(info, 'slave')) {
    if (!/^\d+$/.test(index)) continue;
    const fields = Object.fromEntries(text.split(',').map((part) => part.split('=', 2) as [string, string]));
    if (!fields.ip || !fields.port) continue;
    const replica = `${fields.ip}:${fields.port}`;
    const behind = offset === undefined || !fields.offset ? undefined : offset - Number(fields.offset);
    put('redis_replica_lag_bytes', behind === undefined ? undefined : Math.max(0, behind), { replica });
    if (fields.lag) put('redis_replica_lag_seconds', Number(fields.lag), { replica });
  }
}

function commands(info: Info, counters: Record<string, number>): void {
  let failures = 0;
  for (const [command, text] of infoFamily(info, 'cmdstat_')) {
    const stat = infoParts(text);
    const labels = { command };
    if (stat.calls !== undefined) counters[seriesKey('redis_command_calls', labels)] = stat.calls;
    if (stat.usec !== undefined) counters[seriesKey('redis_command_seconds', labels)] = stat.usec / 1e6;
    failures += (stat.rejected_calls ?? 0) + (stat.failed_calls ?? 0);
  }
  counters.redis_command_failures = failures;
  if (counters.redis_error_replies === undefined) {
    const errors = [...infoFamily(info, 'errorstat_').values()].map((text) => infoParts(text).count ?? 0);
    if (errors.length > 0) counters.redis_error_replies = errors.reduce((sum, count) => sum + count, 0);
  }
}
