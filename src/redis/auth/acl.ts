/**
 * The least that the library and the app need of Redis. Kept here once: docs/security.md shows it, `cache-steward
 * doctor` tries it, and a test runs under it.
 */

/** Of keys: sessions, cached data with what goes with it, working data. */
export const KEY_PATTERNS = ['sess:*', 'cache:*', 'work:*'] as const;

/** Of channels: what the local layers of other processes are told. Servers before Redis 6.2 have no rights on channels. */
export const CHANNEL_PATTERNS = ['cache:*'] as const;

/** Commands of a web app that uses the library. */
export const LIBRARY_COMMANDS = [
  // a connection
  ...['auth', 'hello', 'ping', 'select', 'client|setname', 'info', 'time', 'wait', 'readonly', 'readwrite'],
  ...['asking', 'cluster|slots', 'cluster|info', 'cluster|nodes'],
  // scripts, and what they call
  ...['eval', 'evalsha', 'get', 'mget', 'set', 'getrange', 'setrange', 'type', 'exists', 'del', 'unlink'],
  ...['pttl', 'pexpire', 'persist', 'scan'],
  ...['hget', 'hset', 'hdel', 'hgetall', 'hincrbyfloat'],
  ...['zadd', 'zrem', 'zscore', 'zcard', 'zcount', 'zrange', 'zrangebyscore', 'zremrangebyscore'],
  // the local layer
  ...['publish', 'subscribe'],
] as const;

/** What the Functions app's sweeps need besides. */
export const SWEEP_COMMANDS = ['dbsize', 'strlen', 'zremrangebyrank'] as const;

/** How the Functions app sees how the server is. Each may be missing, and is then not measured. */
export const OBSERVATION_COMMANDS = ['command', 'memory|usage', 'slowlog', 'latency', 'client|list'] as const;

/** All that each of the two may run. */
export const COMMANDS = {
  web: LIBRARY_COMMANDS,
  app: [...LIBRARY_COMMANDS, ...SWEEP_COMMANDS, ...OBSERVATION_COMMANDS],
} as const;

/** The rules of an ACL user, as `ACL SETUSER` takes them. `channels` is empty for a server before Redis 6.2. */
export function aclRules(
  commands: readonly string[],
  patterns: readonly string[] = KEY_PATTERNS,
  channels: readonly string[] = CHANNEL_PATTERNS,
): string[] {
  return [
    ...patterns.map((pattern) => `~${pattern}`),
    ...channels.map((pattern) => `&${pattern}`),
    ...['-@all', ...commands.map((command) => `+${command}`)],
  ];
}

/** `deploy/sentinel/rights`: a line for each user of the servers. */
export function rightsFile(): string {
  return (['web', 'app'] as const).map((user) => `${user} ${aclRules(COMMANDS[user]).join(' ')}\n`).join('');
}
