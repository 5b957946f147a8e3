import { createHash } from 'node:crypto';
import { StewardError } from '../../errors';
import { type Command, isDenied, type SendCommands } from '../engine/send-commands';
import { HEAD_BYTES, isSound, kindOf, MAX_PRUNED, ownLifeMs, type SessionsSweepOptions } from './session-rules';
import { noCounts, SAMPLE_SIZE, type SessionsBatch } from './sessions-sweep';

export interface FixOptions extends SessionsSweepOptions {
  readonly dryRun: boolean;
  /** Server time, ms. */
  readonly nowMs: number;
  /** The server knows `PEXPIRE` with NX and LT. Without them, a TTL that a client sets at the same moment may be lost. */
  readonly conditional: boolean;
}

/** The user has no rights to the sessions. Skipping them would report them as healthy. */
export class SweepRightsError extends StewardError {
  readonly code = 'E_SWEEP_RIGHTS';
}

/**
 * Does to a batch of keys what sessions-batch.lua does, by plain commands of single keys: two or three round trips.
 * Throws `E_SWEEP_RIGHTS`.
 */
export async function fixSessions(
  keys: readonly Buffer[],
  send: SendCommands,
  options: FixOptions,
): Promise<SessionsBatch> {
  const { longestMs, lifeMs, inspectEvery, nowMs } = options;
  const counts = noCounts();
  const matched = keys.map((key) => ({ key, kind: kindOf(key, options) })).filter(({ kind }) => kind !== undefined);
  counts.matched = matched.length;
  const ttls = await send(matched.map(({ key }): Command => ['PTTL', key]));
  const denied = ttls.find(isDenied);
  if (denied) {
    throw new SweepRightsError(
      `Redis refused a session's key (${denied.message}). Grant this user the key pattern of the sessions: docs/security.md`,
    );
  }
  const changes: { key: Buffer; ms: number; capped: boolean }[] = [];
  const missing: Buffer[] = [];
  const indexes: Buffer[] = [];
  const inspected: Buffer[] = [];
  matched.forEach(({ key, kind }, index) => {
    const ttl = ttls[index];
    if (typeof ttl !== 'number' || ttl === -2) return;
    if (ttl === -1) counts.missing += 1;
    if (kind === 'users') {
      if (key.toString('latin1').endsWith(':sessions')) indexes.push(key);
      if (ttl === -1) changes.push({ key, ms: 2 * longestMs, capped: false });
      return;
    }
    if (inspectEvery > 0 && index % inspectEvery === 0) inspected.push(key);
    if (ttl === -1) missing.push(key);
    else if (ttl > longestMs) changes.push({ key, ms: longestMs, capped: true });
  });

  const stale = `(${nowMs}`;
  const looks = await send([
    ...missing.map((key): Command => ['GETRANGE', key, 0, HEAD_BYTES - 1]),
    ...indexes.map((key): Command => ['ZCOUNT', key, '-inf', stale]),
    ...inspected.map((key): Command => ['STRLEN', key]),
  ]);
  missing.forEach((key, index) => {
    const head = looks[index];
    if (head instanceof Error) counts.otherTypes += 1;
    const own = Buffer.isBuffer(head) ? ownLifeMs(head.toString('latin1'), nowMs) : undefined;
    changes.push({ key, ms: Math.min(own ?? lifeMs, longestMs), capped: false });
  });
  const pruning: Command[] = [];
  indexes.forEach((key, index) => {
    const expired = looks[missing.length + index];
    if (typeof expired !== 'number') return;
    counts.indexes += 1;
    if (expired > 0) pruning.push(['ZREMRANGEBYRANK', key, 0, Math.min(expired, MAX_PRUNED) - 1]);
  });
  const sizes = looks.slice(missing.length + indexes.length);
  const readable = inspected.filter((_, index) => {
    const size = sizes[index];
    counts.inspected += 1;
    if (typeof size === 'number' && size > options.largestBytes) counts.oversized += 1;
    return typeof size === 'number' && size > 0 && size <= options.largestBytes;
  });
  counts.over = changes.filter(({ capped }) => capped).length;

  const texts = await send(readable.map((key): Command => ['GET', key]));
  for (const text of texts) if (Buffer.isBuffer(text) && !isSound(text.toString('utf8'))) counts.malformed += 1;
  if (!options.dryRun) {
    const done = await send([...changes.map((change) => setLife(change, options)), ...pruning]);
    changes.forEach(({ capped }, index) => {
      if (done[index] !== 1) return;
      if (capped) counts.capped += 1;
      else counts.given += 1;
    });
    for (const removed of done.slice(changes.length)) if (typeof removed === 'number') counts.pruned += removed;
  }
  const sample = changes.slice(0, SAMPLE_SIZE).map(({ key }) => createHash('sha1').update(key).digest('hex'));
  return { counts, sample };
}

function setLife({ key, ms, capped }: { key: Buffer; ms: number; capped: boolean }, options: FixOptions): Command {
  const whole = Math.round(ms);
  return options.conditional ? ['PEXPIRE', key, whole, capped ? 'LT' : 'NX'] : ['PEXPIRE', key, whole];
}
