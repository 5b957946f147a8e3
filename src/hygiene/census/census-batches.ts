import { createHash } from 'node:crypto';
import {
  defineScript,
  type Glob,
  globArguments,
  globLua,
  type LogicalStore,
  type RedisHandle,
  type RedisNode,
} from '../../redis';
import { type Command, isDenied, type SendCommands, scan } from '../engine/send-commands';
import type { BatchReader } from '../ports';
import type { UntimedBatchReader } from '../throttle/server-work-time';
import batchLua from './census-batch.lua';
import { labelOf, NO_ACCESS } from './census-labels';
import type { BigKey, CensusBatch, Tally } from './census-tally';
import * as tallies from './census-tally';

type Reply = readonly [Buffer, number, number, (Buffer | number[])[], (Buffer | number)[]];

const batchScript = defineScript<Reply>('census-batch', { keys: 0, lua: `${globLua}\n${batchLua}`, writes: false });

export interface CensusBatchOptions {
  readonly redis: RedisHandle;
  readonly store: LogicalStore;
  readonly node: RedisNode;
  readonly sessionPrefix: string;
  /** Only keys that match are counted. Undefined: all. */
  readonly only: Glob | undefined;
  /** The server knows MEMORY USAGE. */
  readonly measures: boolean;
  /** Every n-th string is measured. */
  readonly measureEvery: number;
  readonly deadlineMs: number;
}

/** Strings of a group that are always measured in a batch, so that a small group is measured whole and has no error. */
const FIRST_MEASURED = 8;
/** Smallest key that is reported as big, until enough bigger ones are known. */
const BIG_FROM_BYTES = 1_024;

export function censusByScript(options: CensusBatchOptions): BatchReader<CensusBatch> {
  const { redis, store, node, sessionPrefix, only, measures, measureEvery, deadlineMs } = options;
  const bar = bigBar();
  const pieces = globArguments(only);
  return async (cursor, count) => {
    const args = [
      cursor,
      count,
      sessionPrefix,
      measures ? '1' : '0',
      measureEvery,
      bar.bytes,
      10 * tallies.BIG_KEYS,
      FIRST_MEASURED,
      ...pieces,
    ];
    const [next, examined, micros, found, big] = await redis.run(store, batchScript, [], args, {
      node,
      deadlineMs,
      buffers: true,
    });
    const groups: Record<string, Tally> = {};
    for (let index = 0; index < found.length; index += 3) {
      const tally = tallies.emptyTally();
      (found[index + 1] as number[]).forEach((value, at) => {
        tally[at] = value;
      });
      tally[tallies.SQUARES] = Number(found[index + 2]);
      groups[String(found[index])] = tally;
    }
    const keys: BigKey[] = [];
    for (let index = 0; index < big.length; index += 3) {
      keys.push(bigKey(big[index] as Buffer, String(big[index + 1]), Number(big[index + 2]), sessionPrefix));
    }
    bar.raise(keys);
    return { cursor: String(next), examined, micros, found: { groups, big: keys, measured: measures } };
  };
}

/** The same by plain commands, for servers that do not let a script use keys that it found itself. */
export function censusByCommands(options: CensusBatchOptions, send: SendCommands): UntimedBatchReader<CensusBatch> {
  const { sessionPrefix, only, measures, measureEvery } = options;
  const bar = bigBar();
  return async (cursor, count) => {
    const [next, all] = await scan(send, cursor, count);
    const keys = only ? all.filter((key) => only.matches(key)) : all;
    const looks = await send(
      keys.flatMap((key): Command[] => [
        ['PTTL', key],
        ['TYPE', key],
      ]),
    );
    const groups: Record<string, Tally> = {};
    const asks: Command[] = [];
    const asked: { key: Buffer; type: string; tally: Tally; memory: boolean }[] = [];
    keys.forEach((key, index) => {
      const ttl = looks[2 * index];
      const denied = isDenied(ttl);
      if (!denied && (typeof ttl !== 'number' || ttl === -2)) return;
      const label = denied ? NO_ACCESS : labelOf(key.toString('latin1'), sessionPrefix);
      groups[label] ??= tallies.emptyTally();
      const tally = groups[label];
      bump(tally, 0);
      if (denied) return;
      const type = String(looks[2 * index + 1]);
      const strings = tally[tallies.TYPE_AT] ?? 0;
      bump(tally, tallies.TTL_AT + bucketOf(ttl));
      bump(tally, tallies.TYPE_AT + typeIndex(type));
      if (type === 'string') {
        asks.push(['STRLEN', key]);
        asked.push({ key, type, tally, memory: false });
      }
      if (measures && (type !== 'string' || strings < FIRST_MEASURED || strings % measureEvery === 0)) {
        asks.push(['MEMORY', 'USAGE', key]);
        asked.push({ key, type, tally, memory: true });
      }
    });
    const big: BigKey[] = [];
    (await send(asks)).forEach((bytes, index) => {
      const about = asked[index];
      if (typeof bytes !== 'number' || !about) return;
      const { key, type, tally, memory } = about;
      if (memory) measure(tally, type, bytes);
      if (memory === (type !== 'string') && bytes >= bar.bytes) big.push(bigKey(key, type, bytes, sessionPrefix));
    });
    bar.raise(big);
    return { cursor: next, examined: all.length, found: { groups, big, measured: measures } };
  };
}

function bump(tally: Tally, index: number, by = 1): void {
  tally[index] = (tally[index] ?? 0) + by;
}

function measure(tally: Tally, type: string, bytes: number): void {
  const isString = type === 'string';
  bump(tally, isString ? tallies.SAMPLED : tallies.MEASURED);
  bump(tally, isString ? tallies.SAMPLED_BYTES : tallies.MEASURED_BYTES, bytes);
  if (isString) bump(tally, tallies.SQUARES, bytes * bytes);
}

function bucketOf(ttl: number): number {
  if (ttl < 0) return tallies.TTL_NAMES.length - 1;
  const index = tallies.TTL_EDGES_MS.findIndex((edge) => ttl <= edge);
  return index < 0 ? tallies.TTL_EDGES_MS.length : index;
}

function typeIndex(type: string): number {
  const index = (tallies.TYPE_NAMES as readonly string[]).indexOf(type);
  return index < 0 ? tallies.TYPE_NAMES.length - 1 : index;
}

/** The least size of a reported key rises, so that only keys that may be among the biggest cross the network. */
function bigBar() {
  let known: number[] = [];
  return {
    get bytes() {
      return known.length < tallies.BIG_KEYS ? BIG_FROM_BYTES : (known.at(-1) ?? BIG_FROM_BYTES);
    },
    raise(keys: readonly BigKey[]) {
      known = [...known, ...keys.map(({ bytes }) => bytes)]
        .sort((one, other) => other - one)
        .slice(0, tallies.BIG_KEYS);
    },
  };
}

const SHOWN = 128;

function bigKey(key: Buffer, type: string, bytes: number, sessionPrefix: string): BigKey {
  const text = key.toString('latin1');
  const isSession = sessionPrefix !== '' && text.startsWith(sessionPrefix);
  const shown = isSession
    ? `${sessionPrefix}(sha1 ${createHash('sha1').update(key).digest('hex')})`
    : escaped(key.toString('utf8')).slice(0, SHOWN);
  return { key: shown, type, bytes };
}

/** Shows control characters and invalid text as codes, so that a key cannot send commands to a terminal. */
const escaped = (text: string): string =>
  text.replace(/[\p{C}\ufffd]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
