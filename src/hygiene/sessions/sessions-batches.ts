import { defineScript, globArguments, globLua, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import { type SendCommands, scan } from '../engine/send-commands';
import type { BatchReader } from '../ports';
import type { UntimedBatchReader } from '../throttle/server-work-time';
import { fixSessions } from './fix-sessions';
import { MAX_PRUNED, type SessionsSweepOptions, usersPrefix } from './session-rules';
import batchLua from './sessions-batch.lua';
import { COUNTS, noCounts, SAMPLE_SIZE, type SessionsBatch } from './sessions-sweep';

type Reply = Buffer | readonly [text: Buffer, elsewhere: Buffer[], sample: Buffer[]];

const batchScript = defineScript<Reply>('sessions-batch', { keys: 0, lua: `${globLua}\n${batchLua}`, writes: true });

interface BatchOptions {
  readonly redis: RedisHandle;
  readonly store: LogicalStore;
  readonly node: RedisNode;
  readonly sessions: SessionsSweepOptions;
  readonly dryRun: boolean;
  /** The server knows `PEXPIRE` with NX and LT. */
  readonly conditional: boolean;
  readonly deadlineMs: number;
  /** For keys that have moved to another node. */
  readonly toOwners: SendCommands;
}

/** One call per batch: for open-source servers. */
export function sessionsByScript(options: BatchOptions): BatchReader<SessionsBatch> {
  const { redis, store, node, sessions, dryRun, deadlineMs } = options;
  const fixed = [
    sessions.only ? '' : sessions.prefix,
    usersPrefix(sessions.only ? '' : sessions.prefix),
    sessions.lifeMs,
    sessions.longestMs,
    dryRun ? '1' : '0',
    sessions.inspectEvery,
    sessions.largestBytes,
  ];
  const pieces = globArguments(sessions.only);
  let wanted = SAMPLE_SIZE;
  return async (cursor, count) => {
    const args = [cursor, count, ...fixed, wanted, MAX_PRUNED, ...pieces];
    const reply = await redis.run(store, batchScript, [], args, { node, deadlineMs, buffers: true });
    const [text, elsewhere, hashes] = Buffer.isBuffer(reply) ? [reply, [], []] : reply;
    const [next = '0', examined, micros, ...numbers] = text.toString('latin1').split(' ');
    const counts = noCounts();
    COUNTS.forEach((name, index) => {
      counts[name] = Number(numbers[index]);
    });
    const sample = hashes.map(String);
    wanted -= sample.length;
    if (elsewhere.length > 0) {
      // The script has already counted each of them as matched.
      counts.matched -= elsewhere.length;
      const moved = await fixSessions(elsewhere, options.toOwners, fixOptions(options));
      for (const name of COUNTS) counts[name] += moved.counts[name];
    }
    return { cursor: next, examined: Number(examined), micros: Number(micros), found: { counts, sample } };
  };
}

/** A few round trips per batch: for servers that do not let a script use keys that it found itself. */
export function sessionsByCommands(options: BatchOptions, send: SendCommands): UntimedBatchReader<SessionsBatch> {
  return async (cursor, count) => {
    const [next, keys] = await scan(send, cursor, count);
    const found = await fixSessions(keys, send, fixOptions(options));
    return { cursor: next, examined: keys.length, found };
  };
}

function fixOptions({ redis, sessions, dryRun, conditional }: BatchOptions) {
  const server = redis.serverMicros();
  const nowMs = server ? Math.floor(server.micros / 1_000) : Date.now();
  return { ...sessions, dryRun, conditional, nowMs };
}
