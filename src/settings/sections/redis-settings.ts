import { addressOf, list, measured, oneOf, section, text, textOr, whole } from '../setting';

export const redisSettings = section('Redis', {
  REDIS_URL: {
    schema: addressOf('a redis:// or rediss:// URL', /^rediss?:$/),
    meaning:
      'One server, or any node of a cluster: `redis://[user:password@]host:port`, `rediss://` for TLS. Beside REDIS_NODES or REDIS_SENTINELS only its user, password, TLS and, as the name on the certificate, its host are used.',
    secret: true,
    sample: 'redis://127.0.0.1:6379',
  },
  REDIS_NODES: {
    schema: list('host:port'),
    meaning: 'Nodes of a cluster, `host:port` separated by commas; the client then speaks the cluster protocol.',
  },
  REDIS_SENTINELS: {
    schema: list('host:port'),
    meaning: 'Sentinels, `host:port` separated by commas, that say which server is the primary now.',
  },
  REDIS_SENTINEL_NAME: {
    schema: textOr('steward', 'the name in `sentinel monitor`'),
    meaning: 'Name under which the sentinels watch the primary.',
  },
  REDIS_SENTINEL_PASSWORD: {
    schema: text('a password'),
    meaning: 'Password of the sentinels themselves.',
    secret: true,
  },
  REDIS_MODE: {
    schema: oneOf(['auto', 'standalone', 'sentinel', 'cluster'], 'auto'),
    meaning:
      'The kind of Redis. `auto`: `sentinel` if REDIS_SENTINELS is given, `cluster` if REDIS_NODES is given, else `standalone`. `cluster` with REDIS_URL discovers the cluster from that one node.',
    danger: 'Azure Managed Redis with the OSS clustering policy, and Premium with shards, need `cluster`.',
  },
  REDIS_AUTH: {
    schema: oneOf(['url', 'entra', 'key-vault'], 'url'),
    meaning:
      'How to sign in. `url`: with the user and password in REDIS_URL. `entra`: with tokens of the app’s identity, for the user in REDIS_ENTRA_USER. `key-vault`: with an access key from the vault in KEY_VAULT_URL.',
  },
  REDIS_ENTRA_USER: {
    schema: text('a GUID'),
    meaning: 'Object id (principal id) of the identity, which is its user name in Redis.',
  },
  REDIS_KEY_SECRETS: {
    schema: textOr('redis-access-key', 'names of secrets, separated by commas'),
    meaning:
      'Names of the secrets with access keys, separated by commas. The first is used; if Redis refuses it even after it was read again, the next.',
  },
  REDIS_TLS_CA_FILE: {
    schema: text('a path'),
    meaning:
      'File with the certificates (PEM) of the authority that signed the servers’ certificates, if Node does not know it.',
  },
  REDIS_SESSIONS_DB: {
    schema: whole(0, 0, 15),
    meaning: 'Database of the sessions on a standalone server. A cluster has database 0 only and ignores this.',
  },
  REDIS_CACHE_DB: {
    schema: whole(1, 0, 15),
    meaning: 'Database of the cached data on a standalone server. A cluster ignores this.',
    danger: 'Azure Managed Redis without clustering has database 0 only: set 0 there.',
  },
  REDIS_WORK_DB: {
    schema: whole(2, 0, 15),
    meaning:
      'Database of the working data (demand for refreshes, counters) on a standalone server. A cluster ignores this.',
    danger: 'Azure Managed Redis without clustering has database 0 only: set 0 there.',
  },
  REDIS_DEADLINE_MS: {
    schema: measured('ms', whole(250, 1, 60_000)),
    meaning:
      'How long a caller waits for one Redis command; after it the command is given up and changes nothing late.',
    danger: 'Shorter than your network’s slow tail, it turns hits into misses.',
  },
  REDIS_JOB_DEADLINE_MS: {
    schema: measured('ms', whole(5_000, 1, 60_000)),
    meaning: 'The same for the jobs. It is longer because no user waits for them and a cold start is slow.',
  },
  REDIS_RECONNECT_CAP_MS: {
    schema: measured('ms', whole(250, 10, 60_000)),
    meaning:
      'Longest pause between attempts to reconnect (attempt × 100 ms, jittered, up to this). It never stops trying.',
  },
  REDIS_SOCKET_TIMEOUT_MS: {
    schema: measured('ms', whole(1_000, 50, 60_000)),
    meaning:
      'How long a connection with a running command may stay silent before it is closed and opened again; also the time-out for connecting.',
    danger: 'Shorter than the slowest single command, it cuts a healthy connection.',
  },
});
