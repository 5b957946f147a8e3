import type { Cluster, Redis } from 'ioredis';
import { toRedisError } from '../../redis/connection/map-error';
import { addressOf, nodesOf, ownerOf } from '../../redis/connection/nodes';
import { withDeadline } from '../../redis/deadline';
import { DeadlineError, RedisUnavailableError } from '../../redis/errors';
import { evaluate } from '../../redis/scripts/run-script';
import { ServerClocks, steadyClock } from '../../redis/server-clock';
import { slotOf } from '../../redis/slot';
import type { RedisClient } from '../../redis/types';
import type { SessionRedis } from '../ports';

/**
 * For an application that has an ioredis client already, standalone, sentinel or cluster, and wants no second way to
 * Redis. Its client's own options hold; a caller waits at most `deadlineMs` (Default: 250), and a write that comes
 * later than that changes nothing. The client stays the application's to close.
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
    clocks.doubtAll(); // another machine may be behind it now
  });

  async function offsetOf(keys: readonly string[]): Promise<{ micros: number; uncertainty: number }> {
    // A command waits until there is a connection; only then are a cluster's nodes known.
    if (client.status !== 'ready') await client.exists(keys[0] ?? '');
    const node = ownerOf(client, keys[0] === undefined ? undefined : slotOf(keys[0]));
    if (node === undefined) throw new RedisUnavailableError('no node of the cluster is known at present');
    const address = addressOf(node);
    if (!clocks.known(address)) await clocks.learn(address, node);
    const known = clocks.known(address);
    if (known === undefined) throw new RedisUnavailableError(`${address} didn't tell its time`);
    return known;
  }

  return {
    client: () => client,
    dedicated: () => {
      const own = client.isCluster ? (client as Cluster).duplicate() : (client as Redis).duplicate();
      own.on('error', () => {}); // the application's client hears of the same server
      return own;
    },
    within,
    run: (_store, script, keys, args, { deadlineMs: ms = deadlineMs, buffers = false } = {}) => {
      const deadline = steadyClock.now() + ms;
      const send = async () => {
        if (!script.writes) return evaluate(client, script, keys, args, buffers);
        const { micros, uncertainty } = await offsetOf(keys);
        const at = Math.floor(deadline + (micros - uncertainty) / 1e3);
        return evaluate(client, script, keys, [at, ...args], buffers);
      };
      const attempt = () => within(send() as Promise<never>, { deadlineMs: Math.max(1, deadline - steadyClock.now()) });
      return attempt().catch((error: unknown) => {
        // Refused though there was time: the server's clock isn't what it was. Nothing was changed, so ask again.
        if (!(error instanceof DeadlineError && error.refused && steadyClock.now() < deadline)) throw error;
        clocks.doubtAll();
        return attempt();
      });
    },
    nodes: (which) => within(nodesOf(client, which)),
    serverMicros: () => clocks.now(),
  };
}
