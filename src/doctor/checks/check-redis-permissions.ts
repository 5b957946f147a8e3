import type { RedisHandle } from '../../redis';
import { KEY_PATTERNS, LIBRARY_COMMANDS, OBSERVATION_COMMANDS, SWEEP_COMMANDS } from '../../redis/auth/acl';
import { type Finding, fault, ok, warning } from '../finding';

/**
 * A harmless call of each command on a scratch key, as it would be typed. Those that making the connection has tried are
 * left out.
 */
const calls = `
  info server; time; wait 0 1; eval return 0; evalsha ${'0'.repeat(40)} 0; scan 0 COUNT 1; dbsize; command INFO get;
  memory|usage {key}; slowlog LEN; latency HISTOGRAM get; client|list;
  get {key}; mget {key}; set {key} 1 PX 5000; strlen {key}; getrange {key} 0 0; setrange {key} 0 1; type {key};
  exists {key}; pttl {key}; persist {key}; pexpire {key} 5000;
  hget {key}:none f; hdel {key}:none f; hgetall {key}:none; zrem {key}:none m; zscore {key}:none m; zcard {key}:none;
  zcount {key}:none 0 0; zrange {key}:none 0 0; zrangebyscore {key}:none 0 0; zremrangebyscore {key}:none 0 0;
  zremrangebyrank {key}:none 0 0; hset {key}:h f 1; hincrbyfloat {key}:h f 1; zadd {key}:z 1 m;
  del {key} {key}:h; unlink {key}:z; publish cache:doctor {}
`;
const clusterCalls = '; asking; readonly; readwrite';

const denied = /^(NOPERM|ERR unknown (sub)?command)|no permissions/i;

/** Tries every command and key pattern that docs/security.md asks for. What it writes it removes. */
export async function checkRedisPermissions(redis: RedisHandle): Promise<Finding[]> {
  const missing = [...(await refusedOf(redis, LIBRARY_COMMANDS)), ...(await refusedListening(redis))];
  const unswept = await refusedOf(redis, SWEEP_COMMANDS);
  const unseen = await refusedOf(redis, OBSERVATION_COMMANDS);
  const patterns: string[] = [];
  for (const pattern of KEY_PATTERNS) {
    const key = pattern.replace('*', '{doctor}');
    if (await isDenied(redis.within(redis.client('cache').get(key)))) patterns.push(pattern);
  }
  return [
    missing.length === 0
      ? ok('redis.commands', 'every command of the library may be run')
      : fault('redis.commands', `refused: ${missing.join(', ')}`, 'Grant them; docs/security.md has the whole list.'),
    patterns.length === 0
      ? ok('redis.keys', `keys are ours: ${KEY_PATTERNS.join(' ')}`)
      : fault('redis.keys', `no access to ${patterns.join(' ')}`, 'Add these key patterns to the user’s rules.'),
    unswept.length === 0
      ? ok('redis.sweeps', 'every command of the sweeps may be run')
      : warning('redis.sweeps', `refused: ${unswept.join(', ')}`, 'The jobs need them; a web app does not.'),
    unseen.length === 0
      ? ok('redis.observation', 'everything that is measured may be asked')
      : warning(
          'redis.observation',
          `refused: ${unseen.join(', ')}`,
          'The jobs go on without; what they would measure is left out.',
        ),
  ];
}

async function refusedOf(redis: RedisHandle, commands: readonly string[]): Promise<string[]> {
  const refused: string[] = [];
  for (const call of `${calls}${redis.mode === 'cluster' ? clusterCalls : ''}`.split(';')) {
    const [command = '', ...args] = call.trim().replaceAll('{key}', 'work:{doctor}').split(' ');
    if (!commands.includes(command)) continue;
    const [name = '', ...sub] = command.split('|');
    if (await isDenied(redis.within(redis.client('work').call(name, ...sub, ...args)))) refused.push(command);
  }
  return refused;
}

/** On a connection of its own: one that listens can do nothing else. */
async function refusedListening(redis: RedisHandle): Promise<string[]> {
  const listener = redis.dedicated('cache', 'doctor');
  try {
    return (await isDenied(redis.within(listener.subscribe('cache:doctor')))) ? ['subscribe'] : [];
  } finally {
    listener.disconnect();
  }
}

/** Any other error is an answer too: the command was let in. */
async function isDenied(reply: Promise<unknown>): Promise<boolean> {
  try {
    await reply;
    return false;
  } catch (error) {
    if (error instanceof Error && denied.test(error.message)) return true;
    if (error instanceof Error && 'code' in error) throw error;
    return false;
  }
}
