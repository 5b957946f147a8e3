import type { Cluster, Redis } from 'ioredis';
import { toRedisError } from '../../redis/connection/map-error';
import { nodesOf } from '../../redis/connection/nodes';
import { withDeadline } from '../../redis/deadline';
import { runScript, type ScriptConnection } from '../../redis/scripts/run-script';
import { ServerClocks, steadyClock } from '../../redis/server-clock';
import type { RedisClient } from '../../redis/types';
import type { SessionRedis } from '../ports';

/**
 * Uses the ioredis client that an application already has (standalone, sentinel or cluster), without a second
 * connection. The client keeps its own options. A caller waits at most `deadlineMs` (default: 250), and a write that
 * reaches Redis later changes nothing. The application closes the client.
 */
export function fromIoredis(client: RedisClient, options: { readonly deadlineMs?: number } = {}): SessionRedis {
  const { deadlineMs = 250 } = options;
  const clocks = new ServerClocks(steadyClock);
  const within: SessionRedis['within'] = async (command, { deadlineMs: ms = deadlineMs } = {}) => {
    try {
      return await withDeadline(command, ms);
    } catch (error) {
      throw toRedisError(error, true);
    }
  };
  client.on('ready', () => {
    clocks.doubtAll(); // the client may be connected to another server now
  });
  const connection: ScriptConnection = {
    client,
    get isReady() {
      return client.status === 'ready';
    },
    lastError: undefined,
    // PING waits for a connection; a cluster's nodes are known only then.
    ready: async (ms) => void (await within(client.ping(), { deadlineMs: ms })),
  };

  return {
    client: () => client,
    dedicated: () => {
      const own = client.isCluster ? (client as Cluster).duplicate() : (client as Redis).duplicate();
      own.on('error', () => {}); // the application's own client reports errors of the same server
      return own;
    },
    within,
    run: (_store, script, keys, args, { deadlineMs: ms = deadlineMs, buffers = false } = {}) =>
      runScript(connection, clocks, script, keys, args, { deadlineMs: ms, buffers }),
    nodes: (which) => within(nodesOf(client, which)),
    serverMicros: () => clocks.now(),
  };
}
