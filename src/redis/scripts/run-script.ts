import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { toRedisError } from '../connection/map-error';
import { isCluster, ownerOf } from '../connection/nodes';
import { withDeadline } from '../deadline';
import { DeadlineError, RedisUnavailableError } from '../errors';
import type { ServerClocks } from '../server-clock';
import { slotOf } from '../slot';
import type { RedisClient, ScriptOptions } from '../types';
import type { Script } from './script';

/** Between two attempts of one caller: a failover does not end sooner if it is asked for more often. */
const RETRY_MS = 50;

/** The connection that a script runs on. */
export interface ScriptConnection {
  readonly client: RedisClient;
  readonly isReady: boolean;
  /** Why it failed last, for messages. */
  readonly lastError: Error | undefined;
  /** Resolves once commands can be sent; rejects after `ms`. */
  ready(ms: number): Promise<void>;
}

export type ScriptArguments = readonly (string | number | Buffer)[];

/**
 * Runs a script under a deadline. A writing script gets the deadline in its node's own time as ARGV[1] and refuses
 * after it, so that a command that was given up changes nothing late. Within the deadline it waits for a connection,
 * and repeats a script that certainly changed nothing, or that may be repeated.
 */
export async function runScript<T>(
  connection: ScriptConnection,
  clocks: ServerClocks,
  script: Script<T>,
  keys: readonly string[],
  args: ScriptArguments,
  options: ScriptOptions & { readonly deadlineMs: number },
): Promise<T> {
  const { clock } = clocks;
  const deadline = clock.now() + options.deadlineMs;
  const left = () => Math.max(1, Math.ceil(deadline - clock.now()));
  for (let doubted = false; ; ) {
    if (!connection.isReady) await connection.ready(left());
    try {
      return (await withDeadline(send(connection.client, clocks, script, keys, args, options, deadline), left())) as T;
    } catch (thrown) {
      const error = toRedisError(thrown, true, connection.lastError);
      if (clock.now() >= deadline) throw error;
      if (error instanceof DeadlineError && error.refused && !doubted) {
        // Refused before the deadline: a node's clock has changed. The script changed nothing, so it runs again.
        doubted = true;
        clocks.doubtAll();
      } else if (error instanceof RedisUnavailableError && (!error.sent || script.repeatable)) {
        await sleep(Math.min(RETRY_MS, left()));
      } else throw error;
    }
  }
}

async function send(
  shared: RedisClient,
  clocks: ServerClocks,
  script: Script,
  keys: readonly string[],
  args: ScriptArguments,
  { node, buffers = false }: ScriptOptions,
  deadline: number,
): Promise<unknown> {
  const client = node?.client ?? shared;
  if (!script.writes) return evaluate(client, script, [...keys, ...args], keys.length, buffers);
  const owner = node?.client ?? ownerOf(shared, keys[0] === undefined ? undefined : slotOf(keys[0]));
  const offset = owner === undefined ? await earliestOffset(shared, clocks) : await clocks.of(owner);
  if (clocks.clock.now() >= deadline) {
    throw new DeadlineError('the deadline passed before the command was sent', { refused: true });
  }
  const serverDeadline = Math.floor(deadline + (offset.micros - offset.uncertainty) / 1e3);
  return evaluate(client, script, [...keys, serverDeadline, ...args], keys.length, buffers);
}

/** If no node is known to own the slot, the slowest clock counts: by it the deadline is right or too early on every node. */
async function earliestOffset(client: RedisClient, clocks: ServerClocks) {
  const [any] = isCluster(client) ? client.nodes('master') : [];
  if (any === undefined)
    throw new RedisUnavailableError(
      'the client knows no node of the cluster yet; it goes on looking. If this lasts, check REDIS_NODES and the network',
    );
  const offset = await clocks.of(any);
  return { ...offset, micros: Math.min(offset.micros, clocks.earliest()) };
}

const hashes = new WeakMap<Script, string>();

function sha1(script: Script): string {
  let hash = hashes.get(script);
  if (hash === undefined) {
    hash = createHash('sha1').update(script.lua).digest('hex');
    hashes.set(script, hash);
  }
  return hash;
}

/** Runs a script by its hash. A node that does not know it yet (new, restarted, flushed) gets the text. */
async function evaluate(
  client: RedisClient,
  script: Script,
  rest: ScriptArguments,
  keyCount: number,
  buffers: boolean,
): Promise<unknown> {
  try {
    const hash = sha1(script);
    return await (buffers
      ? client.callBuffer('EVALSHA', hash, keyCount, ...rest)
      : client.evalsha(hash, keyCount, ...rest));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return buffers
      ? client.callBuffer('EVAL', script.lua, keyCount, ...rest)
      : client.eval(script.lua, keyCount, ...rest);
  }
}
