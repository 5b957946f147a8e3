import { readNode } from '../../src/monitoring/collect/node-reading';
import { clientsByName, latencyBuckets } from '../../src/monitoring/collect/probes';
import { parseInfo } from '../../src/redis';

const now = 1_800_000_000_000;
const read = (text: string, limits = {}) => readNode(parseInfo(text), limits, now);

const redis7 = `# Server\r
redis_version:7.0.15\r
redis_mode:standalone\r
run_id:abc\r
uptime_in_seconds:10\r
# Clients\r
connected_clients:90\r
maxclients:100\r
blocked_clients:0\r
# Memory\r
used_memory:600\r
maxmemory:1000\r
maxmemory_policy:allkeys-lru\r
mem_fragmentation_ratio:12.68\r
allocator_frag_ratio:1.10\r
allocator_frag_bytes:60\r
# Persistence\r
rdb_saves:1\r
rdb_last_save_time:1799999000\r
rdb_last_bgsave_status:ok\r
aof_last_bgrewrite_status:err\r
# Stats\r
keyspace_hits:5\r
keyspace_misses:3\r
total_error_replies:4\r
# Replication\r
role:master\r
connected_slaves:1\r
slave0:ip=10.0.0.2,port=6380,state=online,offset=90,lag=1\r
master_repl_offset:100\r
# CPU\r
used_cpu_sys:9.0\r
used_cpu_user:9.0\r
used_cpu_sys_main_thread:1.5\r
used_cpu_user_main_thread:2.5\r
# Commandstats\r
cmdstat_eval_ro:calls=2,usec=3000000,usec_per_call=1.5,rejected_calls=1,failed_calls=1\r
# Keyspace\r
db0:keys=10,expires=4,avg_ttl=5000,subexpiry=0\r
`;

test('an INFO of Redis 7 gives its gauges, counters and what is derived', () => {
  const { gauges, counters, identity, info } = read(redis7);
  expect(identity).toBe('abc');
  expect(info).toEqual({ role: 'master', version: '7.0.15', mode: 'standalone' });
  expect(gauges).toMatchObject({
    redis_up: 1,
    redis_memory_used_share: 0.6,
    redis_fragmentation_ratio: 1.1,
    redis_fragmentation_share: 0.1,
    redis_clients_share: 0.9,
    redis_evicts_any_key: 1,
    redis_rdb_age_seconds: 1_000,
    redis_persistence_ok: 0,
    'redis_keys|db=0': 10,
    'redis_keys_without_ttl_share|db=0': 0.6,
    'redis_ttl_mean_seconds|db=0': 5,
    'redis_replica_lag_bytes|replica=10.0.0.2:6380': 10,
    'redis_replica_lag_seconds|replica=10.0.0.2:6380': 1,
  });
  expect(counters).toMatchObject({
    redis_keyspace_hits: 5,
    redis_engine_cpu_seconds: 4,
    redis_error_replies: 4,
    'redis_command_calls|command=eval_ro': 2,
    'redis_command_seconds|command=eval_ro': 3,
    redis_command_failures: 2,
  });
});

test('Redis 6.0 says neither its connection limit nor the CPU of its main thread: a setting and the process stand in', () => {
  const text = redis7
    .replace(/maxclients.*\r\n/, '')
    .replace(/used_cpu_\w+_main_thread.*\r\n/g, '')
    .replace(/total_error_replies.*\r\n/, 'errorstat_ERR:count=7\r\n');
  expect(read(text).gauges).not.toHaveProperty('redis_clients_share');
  const { gauges, counters } = read(text, { maxClients: 180 });
  expect(gauges.redis_clients_share).toBe(0.5);
  expect(counters).toMatchObject({ redis_engine_cpu_seconds: 18, redis_error_replies: 7 });
});

test('the Enterprise dialect: reads and writes are counted apart, and most else is missing', () => {
  const { gauges, counters } = read(
    'redis_version:7.4.0\r\nused_memory:5\r\nkeyspace_read_hits:4\r\nkeyspace_write_hits:1\r\nkeyspace_read_misses:2\r\nconnected_clients:1\r\n',
  );
  expect(counters).toMatchObject({ redis_keyspace_hits: 5, redis_keyspace_misses: 2 });
  expect(gauges).not.toHaveProperty('redis_memory_used_share');
  expect(gauges).not.toHaveProperty('redis_persistence_ok');
});

test('half an INFO gives half the samples, and nonsense gives none', () => {
  expect(read(redis7.slice(0, 130)).gauges).toMatchObject({ redis_up: 1, redis_uptime_seconds: 10 });
  expect(read('used_memory:lots\r\nconnected_clients:\r\n:1\r\nkeyspace_hits').counters).toEqual({
    redis_command_failures: 0,
  });
});

test('no limit of memory is no share of it, unless a setting says the limit', () => {
  const text = redis7.replace('maxmemory:1000', 'maxmemory:0');
  expect(read(text).gauges).not.toHaveProperty('redis_memory_used_share');
  expect(read(text, { maxMemoryBytes: 1_200 }).gauges.redis_memory_used_share).toBe(0.5);
});

test('a server that never saved has no snapshot that could be stale', () => {
  expect(read(redis7.replace('rdb_saves:1', 'rdb_saves:0')).gauges).not.toHaveProperty('redis_rdb_age_seconds');
});

test('latency histograms of all commands are added up, each standing where it was between its bounds', () => {
  const reply = ['get', ['calls', 5, 'histogram_usec', [1, 2, 4, 5]], 'set', ['calls', 3, 'histogram_usec', [2, 3]]];
  expect([...latencyBuckets(reply)]).toEqual([
    [1, 2],
    [2, 5],
    [4, 8],
  ]);
});

test('clients are counted by name, the digits of a name dropped, the rare ones together', () => {
  const lines = Array.from({ length: 30 }, (_, index) => `id=${index} addr=x name=web-${index % 2 ? 17 : 18} age=1`);
  const many = 'abcdefghijklmnopqrstuvwxy'.split('').map((char) => `id=9 addr=x name=${char} age=1`);
  const counted = clientsByName([...lines, ...many, 'id=1 addr=x name= age=2', ''].join('\n'));
  expect(counted.get('web-#')).toBe(30);
  expect(counted.size).toBe(21);
  expect(counted.get('other')).toBe(7);
});
