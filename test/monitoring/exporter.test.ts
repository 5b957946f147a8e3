import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findProgram, freePort, startRedis } from '../../local/servers';
import { readNode } from '../../src/monitoring/collect/node-reading';
import { parseInfo } from '../../src/redis';

/** Ours, and what redis_exporter calls the same; none of them moves by being looked at. */
const same: readonly (readonly [ours: string, theirs: RegExp])[] = [
  ['redis_memory_max_bytes', /^redis_memory_max_bytes (\S+)$/m],
  ['redis_keyspace_hits', /^redis_keyspace_hits_total (\S+)$/m],
  ['redis_keyspace_misses', /^redis_keyspace_misses_total (\S+)$/m],
  ['redis_expired_keys', /^redis_expired_keys_total (\S+)$/m],
  ['redis_evicted_keys', /^redis_evicted_keys_total (\S+)$/m],
  ['redis_rejected_connections', /^redis_rejected_connections_total (\S+)$/m],
  ['redis_keys|db=0', /^redis_db_keys\{db="db0"\} (\S+)$/m],
  ['redis_keys_with_ttl|db=0', /^redis_db_keys_expiring\{db="db0"\} (\S+)$/m],
  ['redis_keys|db=3', /^redis_db_keys\{db="db3"\} (\S+)$/m],
  ['redis_command_calls|command=set', /^redis_commands_total\{cmd="set"\} (\S+)$/m],
  ['redis_command_seconds|command=set', /^redis_commands_duration_seconds_total\{cmd="set"\} (\S+)$/m],
  ['redis_rdb_last_save', /^redis_rdb_last_save_timestamp_seconds (\S+)$/m],
  ['redis_rdb_changes', /^redis_rdb_changes_since_last_save (\S+)$/m],
  ['redis_clients_blocked', /^redis_blocked_clients (\S+)$/m],
];

test('redis_exporter reads the same numbers from the same INFO', async () => {
  const program = await findProgram({
    names: ['prometheus-redis-exporter', 'redis_exporter'],
    packages: [{ names: ['prometheus-redis-exporter'], path: 'usr/bin/prometheus-redis-exporter' }],
  });
  if (!program) {
    console.warn('SKIPPED: redis_exporter can neither be found nor downloaded; INFO is not compared with it.');
    return;
  }
  const server = await startRedis({ args: ['--maxmemory', '50mb'] });
  const client = new Redis(server.adminUrl);
  const port = await freePort();
  const exporter = spawn(program.path, ['-redis.addr', server.adminUrl, '-web.listen-address', `127.0.0.1:${port}`], {
    env: { ...process.env, ...program.env },
    stdio: 'ignore',
  });
  const ended = once(exporter, 'exit');
  try {
    for (let index = 0; index < 20; index += 1) await client.set(`k${index}`, 'v', 'EX', 100 + index);
    await client.set('forever', 'v');
    await client.get('forever');
    await client.get('nothing');
    await client.select(3);
    await client.set('other', 'v');
    let theirs = '';
    for (let attempt = 0; attempt < 100 && !theirs.includes('redis_up 1'); attempt += 1) {
      theirs = await fetch(`http://127.0.0.1:${port}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
      if (!theirs.includes('redis_up 1')) await sleep(100);
    }
    const { gauges, counters } = readNode(parseInfo(await client.info('all')), {}, Date.now());
    const ours = { ...gauges, ...counters };
    for (const [name, pattern] of same) {
      expect([name, Number(pattern.exec(theirs)?.[1])]).toEqual([name, expect.closeTo(ours[name] ?? Number.NaN, 6)]);
    }
  } finally {
    exporter.kill();
    await ended;
    client.disconnect();
    await server.stop();
  }
}, 240_000);
