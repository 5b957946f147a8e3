import { globSync, readFileSync } from 'node:fs';
import { rules } from '../../alerts/rules.json';
import { catalog } from '../../src/monitoring/metrics/metric-catalog';
import { sections } from '../../src/settings';

/**
 * Names that others rely on: deployments, dashboards, alert rules, code that looks at an error. To add one, add it here
 * as well. One that goes, or changes, breaks them.
 */
const words = (text: string): string[] => text.trim().split(/\s+/);

const settings = words(`
  ALERTS_LEFT_TO_AZURE ALERT_GROUP_BY ALERT_GROUP_INTERVAL_SECONDS ALERT_OUTAGE_TOLERANCE_MINUTES ALERT_QUEUE
  ALERT_RECEIVER_QUEUE ALERT_REPEAT_MINUTES ALERT_RULES_FILE ALERT_RUNBOOKS_URL ALERT_WEBHOOK_ALLOW_PRIVATE
  ALERT_WEBHOOK_FORMAT ALERT_WEBHOOK_SECRET ALERT_WEBHOOK_URL AZURE_MONITOR_ENDPOINT AZURE_REDIS_RESOURCE_ID
  AzureWebJobsStorage AzureWebJobsStorage__accountName AzureWebJobsStorage__blobServiceUri
  AzureWebJobsStorage__clientId AzureWebJobsStorage__queueServiceUri AzureWebJobsStorage__tableServiceUri
  CACHE_EPOCH_CACHE_MS CACHE_LOCAL_BOUND_MS CACHE_LOCAL_BYTES CACHE_MAX_VALUE_BYTES CACHE_NAME CACHE_PREFIXES
  CACHE_SKEW_MARGIN_MS CACHE_WHEN_REDIS_IS_AWAY COLLECT_METRICS_SCHEDULE DATABASE_CONNECT_TIMEOUT_MS
  DATABASE_POOL_SIZE DATABASE_STATEMENT_TIMEOUT_MS DATABASE_URL DRAIN_POISON_SCHEDULE EVALUATE_ALERTS_SCHEDULE
  KEY_VAULT_URL PLAN_REFRESHES_SCHEDULE REDIS_AUTH REDIS_CACHE_DB REDIS_DEADLINE_MS REDIS_ENTRA_USER
  REDIS_JOB_DEADLINE_MS REDIS_KEY_SECRETS REDIS_MAX_CLIENTS REDIS_MAX_MEMORY_BYTES REDIS_MODE REDIS_NODES
  REDIS_RECONNECT_CAP_MS REDIS_SENTINELS REDIS_SENTINEL_NAME REDIS_SENTINEL_PASSWORD REDIS_SESSIONS_DB
  REDIS_SOCKET_TIMEOUT_MS REDIS_TLS_CA_FILE REDIS_URL REDIS_WORK_DB REFRESH_AHEAD_QUEUE
  REFRESH_BUDGET_PER_MINUTE REFRESH_DEMAND_FLUSH_MS REFRESH_MAX_KEYS REFRESH_QUEUE_LATENCY_SECONDS
  REFRESH_VISIBILITY_SECONDS REPORT_SCHEDULE SAMPLES_DAY_DAYS SAMPLES_HOUR_DAYS SAMPLES_MINUTE_DAYS
  SESSION_SECRETS_KEPT SESSION_SECRET_NAME STORAGE_NAME_PREFIX SWEEP_CENSUS_MINUTES SWEEP_DRY_RUN SWEEP_DUTY
  SWEEP_INSPECT_EVERY SWEEP_LARGE_SESSION_BYTES SWEEP_MAX_HOURS SWEEP_PAGES SWEEP_PAUSE_SECONDS SWEEP_QUEUE
  SWEEP_QUIET_HOURS SWEEP_RECLAIM_MINUTES SWEEP_SCHEDULE SWEEP_SESSIONS_MINUTES SWEEP_SESSION_LONGEST_SECONDS
  SWEEP_SESSION_PREFIX SWEEP_SESSION_SECONDS SWEEP_SLICE_SECONDS SWEEP_STOP_EVICTIONS_PER_SECOND
  SWEEP_STOP_LATENCY_MS SWEEP_TIME_ZONE WRITE_BEHIND_APPEND_TIMEOUT_MS WRITE_BEHIND_BUFFER_BYTES
  WRITE_BEHIND_CLOCK_BOUND_SECONDS WRITE_BEHIND_HARD_AGE_SECONDS WRITE_BEHIND_HARD_MESSAGES
  WRITE_BEHIND_MAX_VALUE_BYTES WRITE_BEHIND_MESSAGES_PER_SECOND WRITE_BEHIND_QUEUE
  WRITE_BEHIND_RETRY_CAP_SECONDS WRITE_BEHIND_SOFT_AGE_SECONDS WRITE_BEHIND_SOFT_MESSAGES
  WRITE_BEHIND_UNKNOWN_ENTITY_HOURS WRITE_BEHIND_WHEN_FULL
`);

const errorCodes = words(`
  E_ACTION E_ALERT_MESSAGE E_ALERT_PRIVATE_ADDRESS E_ALERT_STATE_CONFLICT E_ALERT_WEBHOOK E_APP_START
  E_CACHE_INPUT E_CROSS_SITE E_DATABASE_SETTINGS E_DEADLINE E_DEAD_LETTER E_ENTITY E_FLUSH_TIMEOUT E_FOREIGN_ENTRY E_KEY
  E_LOAD_FAILED E_LOAD_TIMEOUT E_NOT_IN_TIME E_PACKAGE_MISSING E_QUIET_HOURS E_REDIS_MODE E_REDIS_UNAVAILABLE E_RESOURCE_MANAGER
  E_RULES E_SECRET E_SERIALIZE E_SESSIONS_UNAVAILABLE E_SESSION_OPTIONS E_SESSION_TOO_LARGE
  E_SESSION_UNSERIALIZABLE E_SETTINGS E_STORAGE_SETTINGS E_STORE_PERMANENT E_STORE_TRANSIENT E_SWEEP_CALL
  E_SWEEP_RIGHTS E_UNKNOWN E_VALUE_TOO_LARGE E_VERSION E_VERSION_UNAVAILABLE E_WRITE_REFUSED E_WRITE_UNKNOWN
`);

const metrics = words(`
  azure_clients azure_cpu_share azure_errors azure_evicted_keys azure_expired_keys azure_geo_healthy azure_hits
  azure_keys azure_latency_seconds azure_memory_used_bytes azure_memory_used_share azure_misses
  azure_ops_per_second azure_read_bytes_per_second azure_server_load_share azure_write_bytes_per_second
  redis_acl_denied redis_aof_enabled redis_aof_rewriting redis_clients redis_clients_blocked redis_clients_max
  redis_clients_named redis_clients_share redis_cluster_ok redis_cluster_slots_failing redis_command_calls
  redis_command_failures redis_command_seconds redis_commands redis_connections redis_engine_cpu_seconds
  redis_error_replies redis_evicted_keys redis_evicted_share redis_evicts_any_key redis_expired_keys
  redis_fragmentation_bytes redis_fragmentation_ratio redis_fragmentation_share redis_full_syncs
  redis_info_seconds redis_interval_seconds redis_keys redis_keys_with_ttl redis_keys_without_ttl_share
  redis_keyspace_hits redis_keyspace_misses redis_latency_calls redis_master redis_memory_dataset_bytes
  redis_memory_max_bytes redis_memory_peak_bytes redis_memory_rss_bytes redis_memory_used_bytes
  redis_memory_used_share redis_net_input_bytes redis_net_output_bytes redis_ops_per_second redis_persistence_ok
  redis_rdb_age_seconds redis_rdb_changes redis_rdb_last_save redis_rejected_connections redis_replica_lag_bytes
  redis_replica_lag_seconds redis_replica_link_up redis_replicas redis_slowlog_entries
  redis_slowlog_slowest_seconds redis_ttl_mean_seconds redis_up redis_uptime_seconds steward_alert_messages
  steward_cache_breaker_open steward_cache_deadline_misses steward_cache_foreign_entries steward_cache_hits
  steward_cache_load_errors steward_cache_load_ms steward_cache_loads steward_cache_local_hits
  steward_cache_misses steward_cache_stale steward_cache_waits steward_dead_letters steward_job_ms
  steward_job_overdue steward_job_runs steward_job_success_age_seconds steward_journal_backlog steward_journal_depth steward_journal_messages
  steward_journal_oldest_seconds steward_journal_refused steward_journal_unknown steward_journal_writes
  steward_journal_written_through steward_poison_drained steward_poison_messages steward_queue_messages
  steward_queue_oldest_seconds steward_refresh_breakers_open steward_refresh_capped steward_refresh_done
  steward_refresh_dropped steward_refresh_forgotten steward_refresh_lead_ms steward_refresh_missed
  steward_refresh_queued steward_refresh_shed steward_refresh_used steward_refresh_wasted
  steward_sessions_damaged steward_sessions_refused_saves steward_sessions_unreplicated_revocations
  steward_sweep_keys_changed steward_sweep_keys_examined steward_sweep_last steward_sweep_last_faults
  steward_sweep_last_finished steward_sweep_last_seconds steward_sweep_messages_dropped steward_sweep_percent
  steward_sweep_restarts steward_sweep_runs_closed steward_sweep_runs_started steward_sweep_seconds_left
  steward_sweep_server_ms steward_sweep_slices steward_write_behind_dead_letters steward_write_behind_fenced
  steward_write_behind_held steward_write_behind_lag_bucket steward_write_behind_lag_ms
  steward_write_behind_put_back steward_write_behind_saved steward_write_behind_statements
  steward_write_behind_superseded
`);

const alerts = words(`
  ClusterDegraded CommandLatencyHigh ConnectionsHigh ConnectionsRejected DeadLetters EngineCpuHigh
  EvictionsHeavy EvictionsSustained FragmentationHigh HitRatioLow JobFailures JobOverdue MemoryCritical MemoryFullSoon
  MemoryHigh NoSamples PoisonMessages RedisDown RefreshPlannerStalled RefreshesOverBudget ReplicaLagHigh
  ReplicaLinkDown ServerLoadHigh ServiceErrors SessionsWithoutTtl SlowCommands SnapshotFailed SnapshotStale
  SweepStalled WriteBehindLag WriteBehindStalled
`);

test('the settings have these names and no other; list a new one above', () => {
  expect(sections.flatMap((section) => Object.keys(section.settings)).sort()).toEqual(settings);
});

test('the program knows these error codes and no other; list a new one above', () => {
  const sources = globSync('src/**/*.ts').map((file) => readFileSync(file, 'utf8'));
  const found = sources.flatMap((text) => [...text.matchAll(/'(E_[A-Z_]+)'/g)].map(([, code]) => code));
  expect([...new Set(found)].sort()).toEqual(errorCodes);
});

test('the metrics have these names and no other; list a new one above', () => {
  expect(Object.keys(catalog).sort()).toEqual(metrics);
});

test('the shipped alert rules have these names and no other; list a new one above', () => {
  expect(rules.map(({ name }) => name).sort()).toEqual(alerts);
});
