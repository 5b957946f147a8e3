/**
 * The least rights that the library and the app need of Redis. They are listed only here: docs/security.md shows them,
 * `cache-steward doctor` tries them, and tests run with them.
 */

/** Keys: sessions, cached data with its companions, working data. */
export const KEY_PATTERNS = ['sess:*', 'cache:*', 'work:*'] as const;

/** Channels: invalidation messages of the local layers. Servers before Redis 6.2 have no rights on channels. */
export const CHANNEL_PATTERNS = ['cache:*'] as const;

/** Commands of a web app that uses the library. */
export const LIBRARY_COMMANDS = [
  // a connection
  ...['auth', 'hello', 'ping', 'select', 'client|setname', 'info', 'time', 'wait', 'readonly', 'readwrite'],
  ...['asking', 'cluster|slots', 'cluster|info', 'cluster|nodes'],
  // scripts, and the commands in them
  ...['eval', 'evalsha', 'get', 'mget', 'set', 'getrange', 'setrange', 'type', 'exists', 'del', 'unlink'],
  ...['pttl', 'pexpire', 'persist', 'scan'],
  ...['hget', 'hset', 'hdel', 'hgetall', 'hincrbyfloat'],
  ...['zadd', 'zrem', 'zscore', 'zcard', 'zcount', 'zrange', 'zrangebyscore', 'zremrangebyscore'],
  // the local layer
  ...['publish', 'subscribe'],
] as const;

/** Further commands of the Functions app's sweeps. */
export const SWEEP_COMMANDS = ['dbsize', 'strlen', 'zremrangebyrank'] as const;

/** Commands by which the Functions app observes the server. If one is missing, its metrics are. */
export const OBSERVATION_COMMANDS = ['command', 'memory|usage', 'slowlog', 'latency', 'client|list'] as const;

/** All commands of each of the two. */
export const COMMANDS = {
  web: LIBRARY_COMMANDS,
  app: [...LIBRARY_COMMANDS, ...SWEEP_COMMANDS, ...OBSERVATION_COMMANDS],
} as const;

/** The rules of an ACL user, as `ACL SETUSER` takes them. `channels` is empty for a server before Redis 6.2. */
export const aclRules = (
  commands: readonly string[],
  patterns: readonly string[] = KEY_PATTERNS,
  channels: readonly string[] = CHANNEL_PATTERNS,
): string[] => [
  ...patterns.map((pattern) => `~${pattern}`),
  ...channels.map((pattern) => `&${pattern}`),
  ...['-@all', ...commands.map((command) => `+${command}`)],
];

/** The file `deploy/sentinel/rights`: a line for each user. */
export const rightsFile = (): string =>
  (['web', 'app'] as const).map((user) => `${user} ${aclRules(COMMANDS[user]).join(' ')}\n`).join('');
