import type { LogicalStore, RedisHandle, RedisNode } from '../../redis';
import { defineScript } from '../../redis';
import { globArguments } from '../../redis/glob';
import globLua from '../../redis/scripts/glob.lua';
import type { Pager } from '../engine/pager';
import type { Batch, Command } from '../engine/send-commands';
import type { UntimedPager } from '../throttle/server-work-time';
import { fixSessions } from './fix-sessions';
import { MAX_PRUNED, type SessionsPassOptions, usersPrefix } from './session-rules';
import pageLua from './sessions-batch.lua';
import { COUNTS, noCounts, SAMPLE_SIZE, type SessionsPage } from './sessions-sweep';

type Reply = Buffer | readonly [text: Buffer, elsewhere: Buffer[], sample: Buffer[]];

const pageScript = defineScript<Reply>('sessions-page', {
  keys: 0,
  lua: `${globLua}\n${pageLua}`,
  writes: true,
});

interface PagerOptions {
  readonly redis: RedisHandle;
  readonly store: LogicalStore;
  readonly node: RedisNode;
  readonly sessions: SessionsPassOptions;
  readonly dryRun: boolean;
  /** `PEXPIRE` takes NX and LT. */
  readonly conditional: boolean;
  readonly deadlineMs: number;
  /** For keys that live elsewhere by now. */
  readonly routed: Batch;
}

/** One call a page: for open-source servers. */
export function sessionsScriptPager(options: PagerOptions): Pager<SessionsPage> {
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
    const reply = await redis.run(store, pageScript, [], args, { node, deadlineMs, buffers: true });
    const [text, elsewhere, hashes] = Buffer.isBuffer(reply) ? [reply, [], []] : reply;
    const [next = '0', examined, micros, ...numbers] = text.toString('latin1').split(' ');
    const counts = noCounts();
    COUNTS.forEach((name, index) => {
      counts[name] = Number(numbers[index]);
    });
    const sample = hashes.map(String);
    wanted -= sample.length;
    if (elsewhere.length > 0) {
      // Each was matched once already, on this node.
      counts.matched -= elsewhere.length;
      const moved = await fixSessions(elsewhere, options.routed, fixOptions(options));
      for (const name of COUNTS) counts[name] += moved.counts[name];
    }
    return { cursor: next, examined: Number(examined), micros: Number(micros), found: { counts, sample } };
  };
}

/** A few round trips a page: where no script may look at keys it finds itself. */
export function sessionsCommandPager(options: PagerOptions, batch: Batch): UntimedPager<SessionsPage> {
  return async (cursor, count) => {
    const scan: Command = ['SCAN', cursor, 'COUNT', count];
    const [reply] = await batch([scan]);
    if (reply instanceof Error) throw reply;
    const [next, keys] = reply as [Buffer, Buffer[]];
    const found = await fixSessions(keys, batch, fixOptions(options));
    return { cursor: String(next), examined: keys.length, found };
  };
}

function fixOptions({ redis, sessions, dryRun, conditional }: PagerOptions) {
  const server = redis.serverMicros();
  const nowMs = server ? Math.floor(server.micros / 1_000) : Date.now();
  return { ...sessions, dryRun, conditional, nowMs };
}
