import { createHash } from 'node:crypto';
import { defineScript, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import { type Glob, globArguments } from '../../redis/glob';
import globLua from '../../redis/scripts/glob.lua';
import type { Pager } from '../engine/pager';
import { type Batch, type Command, isDenied } from '../engine/send-commands';
import type { UntimedPager } from '../throttle/server-work-time';
import pageLua from './census-batch.lua';
import { labelOf, NO_ACCESS } from './census-labels';
import {
  BIG_KEYS,
  type BigKey,
  type CensusPage,
  emptyTally,
  MEASURED,
  MEASURED_BYTES,
  SAMPLED,
  SAMPLED_BYTES,
  SQUARES,
  type Tally,
  TTL_AT,
  TTL_EDGES_MS,
  TTL_NAMES,
  TYPE_AT,
  TYPE_NAMES,
} from './census-tally';

type Reply = readonly [Buffer, number, number, (Buffer | number[])[], (Buffer | number)[]];

const pageScript = defineScript<Reply>('census-page', {
  keys: 0,
  lua: `${globLua}\n${pageLua}`,
  writes: false,
});

export interface CensusPagerOptions {
  readonly redis: RedisHandle;
  readonly store: LogicalStore;
  readonly node: RedisNode;
  readonly sessionPrefix: string;
  /** Only keys that match are counted. Undefined: all. */
  readonly only: Glob | undefined;
  /** The server has MEMORY USAGE. */
  readonly measures: boolean;
  /** Every n-th string is measured. */
  readonly measureEvery: number;
  readonly deadlineMs: number;
}

/** So many strings of a group are measured on each page, so that a small group is measured whole and its bound is nothing. */
const FIRST_MEASURED = 8;
/** Keys are reported as big from here on until there are enough of them. */
const BIG_FROM_BYTES = 1_024;

export function censusScriptPager(options: CensusPagerOptions): Pager<CensusPage> {
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
      10 * BIG_KEYS,
      FIRST_MEASURED,
      ...pieces,
    ];
    const [next, examined, micros, found, big] = await redis.run(store, pageScript, [], args, {
      ...{ node, deadlineMs },
      buffers: true,
    });
    const groups: Record<string, Tally> = {};
    for (let index = 0; index < found.length; index += 3) {
      const tally = emptyTally();
      (found[index + 1] as number[]).forEach((value, at) => {
        tally[at] = value;
      });
      tally[SQUARES] = Number(found[index + 2]);
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

/** The same by plain commands, where a script may not look at keys it finds itself. */
export function censusCommandPager(options: CensusPagerOptions, batch: Batch): UntimedPager<CensusPage> {
  const { sessionPrefix, only, measures, measureEvery } = options;
  const bar = bigBar();
  return async (cursor, count) => {
    const [reply] = await batch([['SCAN', cursor, 'COUNT', count]]);
    if (reply instanceof Error) throw reply;
    const [next, all] = reply as [Buffer, Buffer[]];
    const keys = only ? all.filter((key) => only.matches(key)) : all;
    const looks = await batch(
      keys.flatMap((key): Command[] => [
        ['PTTL', key],
        ['TYPE', key],
      ]),
    );
    const groups: Record<string, Tally> = {};
    const seen: { key: Buffer; type: string; tally: Tally }[] = [];
    const asks: Command[] = [];
    const asked: { key: Buffer; type: string; tally: Tally; memory: boolean }[] = [];
    keys.forEach((key, index) => {
      const ttl = looks[2 * index];
      const denied = isDenied(ttl);
      if (!denied && (typeof ttl !== 'number' || ttl === -2)) return;
      const label = denied ? NO_ACCESS : labelOf(key.toString('latin1'), sessionPrefix);
      groups[label] ??= emptyTally();
      const tally = groups[label];
      bump(tally, 0);
      if (denied) return;
      const type = String(looks[2 * index + 1]);
      const strings = tally[TYPE_AT] ?? 0;
      bump(tally, TTL_AT + bucketOf(ttl));
      bump(tally, TYPE_AT + typeIndex(type));
      seen.push({ key, type, tally });
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
    (await batch(asks)).forEach((bytes, index) => {
      const about = asked[index];
      if (typeof bytes !== 'number' || !about) return;
      const { key, type, tally, memory } = about;
      if (memory) measure(tally, type, bytes);
      if (memory === (type !== 'string') && bytes >= bar.bytes) big.push(bigKey(key, type, bytes, sessionPrefix));
    });
    bar.raise(big);
    return { cursor: String(next), examined: all.length, found: { groups, big, measured: measures } };
  };
}

function bump(tally: Tally, index: number, by = 1): void {
  tally[index] = (tally[index] ?? 0) + by;
}

function measure(tally: Tally, type: string, bytes: number): void {
  const isString = type === 'string';
  bump(tally, isString ? SAMPLED : MEASURED);
  bump(tally, isString ? SAMPLED_BYTES : MEASURED_BYTES, bytes);
  if (isString) bump(tally, SQUARES, bytes * bytes);
}

function bucketOf(ttl: number): number {
  if (ttl < 0) return TTL_NAMES.length - 1;
  const index = TTL_EDGES_MS.findIndex((edge) => ttl <= edge);
  return index < 0 ? TTL_EDGES_MS.length : index;
}

function typeIndex(type: string): number {
  const index = (TYPE_NAMES as readonly string[]).indexOf(type);
  return index < 0 ? TYPE_NAMES.length - 1 : index;
}

/** Only a key that may be among the biggest is worth its way over the network. */
function bigBar() {
  let known: number[] = [];
  return {
    get bytes() {
      return known.length < BIG_KEYS ? BIG_FROM_BYTES : (known.at(-1) ?? BIG_FROM_BYTES);
    },
    raise(keys: readonly BigKey[]) {
      known = [...known, ...keys.map(({ bytes }) => bytes)].sort((one, other) => other - one).slice(0, BIG_KEYS);
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

/** Control characters and what is no text as codes, so that a name can't play tricks on a terminal. */
const escaped = (text: string): string =>
  text.replace(/[\p{C}\ufffd]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
