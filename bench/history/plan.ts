/*
 * A history checker over several processes, each with caches and connections of its own. Random loads, sets, deletes
 * and invalidations run against a source whose values only grow, and every operation's start and end is noted by the
 * one monotonic clock that all processes of a machine share. Afterwards no read may be older than an invalidation
 * that was complete before it began.
 */

export const acts = ['delete', 'set', 'tag', 'prefix', 'pattern'] as const;
export type Act = (typeof acts)[number];

/** The instructions of one process at its start, as JSON in the environment variable HISTORY. */
export interface WorkerConfig {
  /** Of Redis, as the settings have it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Number of the process, from 0. */
  readonly process: number;
  /** Names of the entities of all rounds. */
  readonly entities: readonly string[];
  readonly epochCacheMs: number;
  readonly deadlineMs: number;
  /** Life of an entry; jitter takes up to half of it. */
  readonly ttlSeconds: number;
  /** Bound of the copies of the second cache of each process, which has a local layer. */
  readonly localBoundMs: number;
}

/** A number of operations on the keys of one entity. */
export interface Round {
  readonly entity: string;
  /** The keys are `{entity}:0` and so on; even and odd ones carry a tag each. */
  readonly keys: number;
  /** Of one process. */
  readonly operations: number;
  /** Operations under way at once in one process. */
  readonly concurrency: number;
  readonly seed: number;
  /** Kinds of invalidation to mix; none only reads. */
  readonly acts: readonly Act[];
}

export interface ReadDone {
  readonly key: string;
  readonly value: number;
  /** On the shared clock, in ms. */
  readonly began: number;
  /** `{process}.plain`, or `{process}.local` with copies. */
  readonly cache: string;
  readonly strict: boolean;
}

export interface WriteDone {
  readonly act: Act;
  /** What the source said of each key when the invalidation began. */
  readonly values: Readonly<Record<string, number>>;
  readonly ended: number;
  readonly cache: string;
}

export interface History {
  readonly reads: readonly ReadDone[];
  /** Those that are complete; one that failed is pending and promises nothing yet. */
  readonly writes: readonly WriteDone[];
  readonly loads: number;
  /** Reads and writes that threw, by their code. */
  readonly errors: Readonly<Record<string, number>>;
}

export type Question =
  | { readonly id: number; readonly load: string }
  | { readonly id: number; readonly turn: Act; readonly keys: readonly string[] }
  | { readonly end: number }
  | { readonly ready: true }
  | { readonly history: History };

export type Answer = { readonly id: number; readonly values: readonly number[] } | { readonly round: Round };

/** The keys that an invalidation is about, `key` being the one picked. */
export function touchedBy(act: Act, { entity, keys }: Pick<Round, 'entity' | 'keys'>, key: string): string[] {
  if (act === 'delete' || act === 'set') return [key];
  const all = Array.from({ length: keys }, (_, index) => `${entity}:${index}`);
  return act === 'prefix' ? all : all.filter((each) => tagOf(each) === tagOf(key));
}

const isEven = (key: string): boolean => Number(key.slice(key.lastIndexOf(':') + 1)) % 2 === 0;

export const tagOf = (key: string): string => `${key.slice(0, key.lastIndexOf(':'))}.${isEven(key) ? 'even' : 'odd'}`;

/** The pattern of the keys that share the tag. */
export const patternOf = (key: string): string =>
  `${key.slice(0, key.lastIndexOf(':'))}:*[${isEven(key) ? '02468' : '13579'}]`;
