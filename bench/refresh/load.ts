import { setTimeout as sleep } from 'node:timers/promises';
import { generator, zipf } from '../random';

/** What every subject and every process is given. */
export interface RefreshLoad {
  readonly redisUrl: string;
  readonly storage: string;
  readonly seed: number;
  readonly keys: number;
  readonly exponent: number;
  readonly readsPerSecond: number;
  readonly ttlSeconds: number;
  /** Part of a life after which it may be refreshed. */
  readonly fraction: number;
  readonly sourceMs: number;
}

/** When reads and loads count, in ms since 1970: the first life of the entries only warms up. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Counted {
  reads: number;
  /** Reads that were given a value which did not exist when they began. */
  waits: number;
  /** Keys asked of the source. */
  loads: number;
  /** Calls of the source, each for one key or many. */
  calls: number;
}

export interface Value {
  readonly text: string;
  /** When the source had it ready. */
  readonly at: number;
}

const TEXT = 'x'.repeat(100);

/** A source that takes its time, and counts. */
export function slowSource(sourceMs: number, counted: Counted, span: () => Span | undefined) {
  return async (keys: readonly string[]): Promise<ReadonlyMap<string, Value>> => {
    if (isWithin(span(), Date.now())) {
      counted.loads += keys.length;
      counted.calls += 1;
    }
    await sleep(sourceMs);
    const at = Date.now();
    return new Map(keys.map((key) => [key, { text: TEXT, at }]));
  };
}

export const oldValue: Value = { text: TEXT, at: 0 };

/** Reads at a fixed rate until `span.to`, however long answers take: a slow cache cannot slow its load. */
export async function readThrough(
  load: RefreshLoad,
  keyOf: (rank: number) => string,
  get: (key: string) => Promise<Value>,
  span: Span,
  counted: Counted,
): Promise<void> {
  const rank = zipf(load.keys, load.exponent, generator(load.seed));
  const began = Date.now();
  let [issued, under] = [0, 0];
  let failure: unknown;
  const read = async (key: string) => {
    const started = Date.now();
    under += 1;
    try {
      const { at } = await get(key);
      if (!isWithin(span, started)) return;
      counted.reads += 1;
      if (at > started) counted.waits += 1;
    } catch (error) {
      failure ??= error;
    } finally {
      under -= 1;
    }
  };
  for (let now = began; now < span.to; now = Date.now()) {
    const due = ((now - began) / 1_000) * load.readsPerSecond;
    for (; issued < due; issued++) void read(keyOf(rank()));
    await sleep(2);
  }
  while (under > 0) await sleep(5);
  if (failure !== undefined) throw failure;
}

const isWithin = (span: Span | undefined, at: number): boolean => span !== undefined && at >= span.from && at < span.to;
