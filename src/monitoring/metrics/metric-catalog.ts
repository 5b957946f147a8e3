/**
 * The list of all metrics. docs/metrics.md is generated from it, `/api/metrics` takes its help texts from it, the rules
 * are checked against it, and a test fails if the app emits a metric that is missing here.
 */
export interface Metric {
  /** A counter is stored as its growth since the last sample; see samples/deltas.ts. */
  readonly kind: 'gauge' | 'counter';
  readonly unit: string;
  /** What it is, and the fields it is made from. */
  readonly help: string;
  /** Labels besides `cache` and `node`. */
  readonly labels?: readonly string[];
}

const metric =
  (kind: Metric['kind']) =>
  (unit: string, help: string, labels?: readonly string[]): Metric => ({ kind, unit, help, ...(labels && { labels }) });
const gauge = metric('gauge');
const counter = metric('counter');

/** For each node: from INFO and the optional probes. */
export const nodeMetrics = {
  redis_up: gauge('0 or 1', '1 if the node answered INFO, 0 if it did not.'),
  redis_info_seconds: gauge('s', 'How long the node took to answer INFO.'),
  redis_interval_seconds: gauge('s', 'Time between the two readings that the counters of this sample compare.'),
  redis_uptime_seconds: gauge('s', 'uptime_in_seconds'),
  redis_master: gauge('0 or 1', '1 for a master, 0 for a replica.'),
  redis_memory_used_bytes: gauge('bytes', 'used_memory'),
  redis_memory_peak_bytes: gauge('bytes', 'used_memory_peak'),
  redis_memory_rss_bytes: gauge('bytes', 'used_memory_rss'),
  redis_memory_dataset_bytes: gauge('bytes', 'used_memory_dataset'),
  redis_memory_max_bytes: gauge('bytes', 'maxmemory, or REDIS_MAX_MEMORY_BYTES if the server says 0.'),
  redis_memory_used_share: gauge('share', 'used_memory / maxmemory; absent if there is no limit.'),
  redis_fragmentation_ratio: gauge('ratio', 'allocator_frag_ratio, or mem_fragmentation_ratio if that is absent.'),
  redis_fragmentation_bytes: gauge('bytes', 'allocator_frag_bytes, or mem_fragmentation_bytes.'),
  redis_fragmentation_share: gauge('share', 'redis_fragmentation_bytes / used_memory.'),
  redis_clients: gauge('connections', 'connected_clients'),
  redis_clients_blocked: gauge('connections', 'blocked_clients'),
  redis_clients_max: gauge(
    'connections',
    'maxclients, or REDIS_MAX_CLIENTS if the server does not say it (Redis 6.0).',
  ),
  redis_clients_share: gauge('share', 'connected_clients / maxclients'),
  redis_clients_named: gauge('connections', 'CLIENT LIST by name; the 20 most frequent, the rest as `other`.', [
    'client',
  ]),
  redis_ops_per_second: gauge(
    '1/s',
    'instantaneous_ops_per_sec: for a live tile only; rates come from redis_commands.',
  ),
  redis_keys: gauge('keys', 'keys of a database, from INFO keyspace.', ['db']),
  redis_keys_with_ttl: gauge('keys', 'expires of a database.', ['db']),
  redis_keys_without_ttl_share: gauge('share', '(keys - expires) / keys of a database.', ['db']),
  redis_ttl_mean_seconds: gauge('s', 'avg_ttl of a database.', ['db']),
  redis_evicts_any_key: gauge('0 or 1', '1 if maxmemory_policy is one of allkeys-*.'),
  redis_rdb_last_save: gauge('s since 1970', 'rdb_last_save_time'),
  redis_rdb_age_seconds: gauge('s', 'Now - rdb_last_save_time; absent if the server never saves.'),
  redis_rdb_changes: gauge('changes', 'rdb_changes_since_last_save'),
  redis_aof_enabled: gauge('0 or 1', 'aof_enabled'),
  redis_aof_rewriting: gauge('0 or 1', 'aof_rewrite_in_progress'),
  redis_persistence_ok: gauge(
    '0 or 1',
    'The least of rdb_last_bgsave_status, aof_last_bgrewrite_status and aof_last_write_status.',
  ),
  redis_replicas: gauge('replicas', 'connected_slaves'),
  redis_replica_link_up: gauge('0 or 1', 'master_link_status, on replicas.'),
  redis_replica_lag_bytes: gauge('bytes', 'master_repl_offset - offset, by replica, as its master sees it.', [
    'replica',
  ]),
  redis_replica_lag_seconds: gauge('s', 'lag, by replica, as its master sees it.', ['replica']),
  redis_cluster_ok: gauge('0 or 1', 'cluster_state of CLUSTER INFO.'),
  redis_cluster_slots_failing: gauge('slots', 'cluster_slots_pfail + cluster_slots_fail'),
  redis_slowlog_slowest_seconds: gauge('s', 'The slowest command that SLOWLOG has logged since the last sample.'),
  redis_commands: counter('commands', 'total_commands_processed'),
  redis_connections: counter('connections', 'total_connections_received'),
  redis_rejected_connections: counter('connections', 'rejected_connections'),
  redis_keyspace_hits: counter('lookups', 'keyspace_hits, or its read and write halves on Redis Enterprise.'),
  redis_keyspace_misses: counter('lookups', 'keyspace_misses, or its read and write halves on Redis Enterprise.'),
  redis_expired_keys: counter('keys', 'expired_keys'),
  redis_evicted_keys: counter('keys', 'evicted_keys'),
  redis_evicted_share: counter('share', 'Keys evicted since the last sample / keys held; sum it over time.'),
  redis_net_input_bytes: counter('bytes', 'total_net_input_bytes'),
  redis_net_output_bytes: counter('bytes', 'total_net_output_bytes'),
  redis_engine_cpu_seconds: counter(
    's',
    'used_cpu_user_main_thread + used_cpu_sys_main_thread; of the whole process before Redis 6.2.',
  ),
  redis_error_replies: counter('replies', 'total_error_replies, or the sum of errorstat_*.'),
  redis_acl_denied: counter('denials', 'acl_access_denied_auth + _cmd + _key + _channel'),
  redis_command_calls: counter('calls', 'calls of cmdstat_*.', ['command']),
  redis_command_seconds: counter('s', 'usec of cmdstat_*; over redis_command_calls it is the mean latency.', [
    'command',
  ]),
  redis_command_failures: counter('calls', 'rejected_calls + failed_calls of cmdstat_*, all commands.'),
  redis_latency_calls: counter('calls', 'Calls that took at most `us` microseconds: LATENCY HISTOGRAM, all commands.', [
    'us',
  ]),
  redis_slowlog_entries: counter('entries', 'Commands that SLOWLOG has logged: the growth of its newest id.'),
  redis_full_syncs: counter('syncs', 'sync_full'),
} as const satisfies Record<string, Metric>;

/** For each app: its counters (see src/redis/counters.ts), its queues and its tables. */
export const appMetrics = {
  steward_queue_messages: gauge('messages', 'Approximate length of a queue.', ['queue']),
  steward_queue_oldest_seconds: gauge('s', 'Age of the oldest visible message of a queue; 0 if it is empty.', [
    'queue',
  ]),
  steward_poison_messages: gauge('messages', 'Approximate length of the poison queue of a queue.', ['queue']),
  steward_dead_letters: gauge('writes', 'Writes that could not be saved and wait for an operator.'),
  steward_cache_hits: counter('reads', 'Reads of the library that Redis answered.', ['entity']),
  steward_cache_local_hits: counter('reads', 'Reads that the local layer of a process answered.', ['entity']),
  steward_cache_misses: counter('reads', 'Reads that had to load.', ['entity']),
  steward_cache_stale: counter('reads', 'Reads that were answered with a stale entry.', ['entity']),
  steward_cache_loads: counter('loads', 'Loads from the source.', ['entity']),
  steward_cache_load_errors: counter('loads', 'Loads that failed.', ['entity']),
  steward_cache_load_ms: counter('ms', 'Time that loads took; over steward_cache_loads it is the mean.', ['entity']),
  steward_cache_waits: counter('reads', 'Reads that waited for a load in another process.', ['entity']),
  steward_cache_deadline_misses: counter('reads', 'Reads that Redis did not answer in time.', ['entity']),
  steward_cache_foreign_entries: counter('reads', 'Reads that found a value which is not an entry of ours.', [
    'entity',
  ]),
  steward_cache_breaker_open: gauge(
    '0 or 1',
    '1 while the circuit breaker was open in the process that reported last.',
  ),
  steward_journal_writes: counter('writes', 'Writes that the journal accepted.'),
  steward_journal_messages: counter('messages', 'Messages that carried them.'),
  steward_journal_refused: counter('writes', 'Writes that the journal certainly does not hold: E_WRITE_REFUSED.'),
  steward_journal_unknown: counter(
    'writes',
    'Writes that may or may not be in the journal, because it did not answer: E_WRITE_UNKNOWN.',
  ),
  steward_journal_written_through: counter(
    'writes',
    'Writes saved at once because the journal was beyond a hard limit.',
    ['entity'],
  ),
  steward_journal_backlog: counter('changes', 'How often a writer saw the backlog change to this level.', ['level']),
  steward_journal_depth: gauge('messages', 'Length of the journal as a writer last saw it.'),
  steward_journal_oldest_seconds: gauge('s', 'Age of the oldest visible write in it, as a writer last saw it.'),
  steward_poison_drained: counter('messages', 'Messages removed from a poison queue.', ['queue']),
  steward_write_behind_saved: counter('rows', 'Rows that were saved.', ['entity']),
  steward_write_behind_superseded: counter(
    'rows',
    'Rows left out because the batch had a newer row of the same key (coalesced). Over saved + superseded it is the coalescing ratio.',
    ['entity'],
  ),
  steward_write_behind_fenced: counter('rows', 'Rows that the store refused because it had a newer one.', ['entity']),
  steward_write_behind_put_back: counter('rows', 'Rows put back into the journal because the store was unavailable.', [
    'entity',
  ]),
  steward_write_behind_lag_ms: counter(
    'ms',
    'Time from acceptance to commit; over steward_write_behind_saved it is the mean.',
    ['entity'],
  ),
  steward_write_behind_lag_bucket: counter(
    'rows',
    'Rows saved, by their time from acceptance to commit: at most `le` ms and more than the bound below it.',
    ['entity', 'le'],
  ),
  steward_write_behind_statements: counter(
    'statements',
    'Statements; steward_write_behind_saved over it is the rows a statement.',
    ['entity'],
  ),
  steward_write_behind_held: counter('rows or messages', 'Kept for a deployment that knows their entity or format.', [
    'what',
  ]),
  steward_write_behind_dead_letters: counter('writes', 'Writes put aside.', ['reason']),
  steward_refresh_queued: counter('entries', 'Refreshes queued by the planner.'),
  steward_refresh_done: counter(
    'entries',
    'Refreshes that ended: from the `queue`, or in the `process` that read the entry.',
    ['entity', 'way', 'outcome'],
  ),
  steward_refresh_lead_ms: counter(
    'ms',
    'Remaining life of entries when they were refreshed; over steward_refresh_done with the outcome refreshed it is the mean lead time.',
    ['entity', 'way'],
  ),
  steward_refresh_used: counter('entries', 'Refreshed entries that were read.'),
  steward_refresh_wasted: counter(
    'entries',
    'Refreshed entries that were not read before they expired or were dropped.',
  ),
  steward_refresh_missed: counter('entries', 'Entries that expired while their refresh was due or running.'),
  steward_refresh_shed: counter('entries', 'Entries that were due but beyond the budget, at each run of the planner.'),
  steward_refresh_capped: counter(
    'entries',
    'Entries that reached their maximum lifetime and were not refreshed again.',
  ),
  steward_refresh_forgotten: counter('keys', 'Coldest keys that were dropped, beyond REFRESH_MAX_KEYS.'),
  steward_refresh_dropped: counter('entries', 'Entries or messages that the job skipped.', ['why']),
  steward_refresh_breakers_open: gauge(
    'entities',
    'Entities that are not refreshed now, because their source keeps failing.',
  ),
  steward_sessions_damaged: counter('sessions', 'Records of sessions that could not be read.'),
  steward_sessions_refused_saves: counter('saves', 'Saves refused because the session had ended.'),
  steward_sessions_unreplicated_revocations: counter('revocations', 'Revocations that no replica confirmed in time.'),
  steward_sweep_runs_started: counter('runs', 'Runs of a sweep that started.', ['pass']),
  steward_sweep_runs_closed: counter('runs', 'Runs of a sweep that finished.', ['pass']),
  steward_sweep_slices: counter('work items', 'Work items of sweeps that ended.', ['pass', 'outcome']),
  steward_sweep_server_ms: counter('ms', 'Time that servers worked for a sweep.', ['pass']),
  steward_sweep_messages_dropped: counter('messages', 'Invalid messages in the queue of the sweeps.'),
  steward_sweep_percent: gauge('%', 'Progress of the run; 100 once it has finished.', ['pass']),
  steward_sweep_seconds_left: gauge('s', 'Time that the run still takes at its present rate; 0 if none runs.', [
    'pass',
  ]),
  steward_sweep_restarts: gauge('restarts', 'Scans of the run that restarted because the server changed.', ['pass']),
  steward_sweep_last_finished: gauge('s since 1970', 'When the last run finished.', ['pass']),
  steward_sweep_last_seconds: gauge('s', 'How long the last run took.', ['pass']),
  steward_sweep_last_faults: gauge('faults', 'Reasons why the last run may have missed keys.', ['pass']),
  steward_sweep_last: gauge('varies', 'Results of the last run, by `figure`.', ['pass', 'figure']),
  steward_sweep_keys_examined: counter('keys', 'Keys that sweeps examined.', ['pass']),
  steward_sweep_keys_changed: counter('keys', 'Keys that sweeps changed.', ['pass', 'change']),
  steward_alert_messages: counter('messages', 'Notifications, by receiver.', ['receiver', 'outcome']),
  steward_job_runs: counter('runs', 'Runs of a job that ended.', ['job', 'outcome']),
  steward_job_overdue: gauge(
    '0 or 1',
    '1 if a job should have succeeded and did not: its schedule has come round three times, or a message of its queue has waited for five minutes. By the record of runs in storage.',
    ['job'],
  ),
  steward_job_success_age_seconds: gauge(
    's',
    'Since the last success of a job, or since it is watched if there was none. By the record of runs in storage.',
    ['job'],
  ),
  steward_job_ms: counter('ms', 'Time that runs of a job took; over steward_job_runs it is the mean.', ['job']),
} as const satisfies Record<string, Metric>;

/** From Azure Monitor, if AZURE_REDIS_RESOURCE_ID is set; the shard is a label if the service reports it. */
export const azureMetrics = {
  azure_server_load_share: gauge('share', 'serverLoad / 100', ['shard']),
  azure_cpu_share: gauge('share', 'percentProcessorTime / 100', ['shard', 'instance']),
  azure_memory_used_share: gauge('share', 'usedmemorypercentage / 100', ['shard']),
  azure_memory_used_bytes: gauge('bytes', 'usedmemory', ['shard']),
  azure_clients: gauge('connections', 'connectedclients', ['shard', 'instance']),
  azure_latency_seconds: gauge('s', 'cacheLatency / 1,000,000', ['shard', 'instance']),
  azure_ops_per_second: gauge('1/s', 'operationsPerSecond', ['shard']),
  azure_keys: gauge('keys', 'totalkeys', ['shard']),
  azure_read_bytes_per_second: gauge('bytes/s', 'cacheRead', ['shard', 'instance']),
  azure_write_bytes_per_second: gauge('bytes/s', 'cacheWrite', ['shard', 'instance']),
  azure_hits: counter('lookups', 'cachehits', ['shard']),
  azure_misses: counter('lookups', 'cachemisses', ['shard']),
  azure_evicted_keys: counter('keys', 'evictedkeys', ['shard']),
  azure_expired_keys: counter('keys', 'expiredkeys', ['shard']),
  azure_errors: gauge('errors', 'errors; Azure Cache for Redis only.', ['shard', 'type']),
  azure_geo_healthy: gauge('0 or 1', 'GeoReplicationHealthy or geoReplicationHealthy.'),
} as const satisfies Record<string, Metric>;

export const catalog: Readonly<Record<string, Metric>> = { ...nodeMetrics, ...appMetrics, ...azureMetrics };

/** A metric that is not in the catalog is a counter that a web app has added. */
export const isCounter = (name: string): boolean => (catalog[name]?.kind ?? 'counter') === 'counter';
