import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../src/cache';
import { defineEntity } from '../../src/entities/define-entity';
import { errorCode } from '../../src/errors';
import { ours } from '../cache/servers';
import { generator } from '../random';
import {
  type Act,
  type Answer,
  type History,
  patternOf,
  type Question,
  type ReadDone,
  type Round,
  tagOf,
  touchedBy,
  type WorkerConfig,
  type WriteDone,
} from './plan';

/** The same clock in every process of the machine, in ms. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

const say = (question: Question): void => void process.send?.(question);

/** Asks the parent, which is the source and says whose turn it is to write. */
class Parent {
  readonly #waiting = new Map<number, (values: readonly number[]) => void>();
  #count = 0;

  request(of: { readonly load: string } | { readonly turn: Act; readonly keys: readonly string[] }) {
    this.#count += 1;
    const id = this.#count;
    say({ id, ...of });
    return new Promise<{ id: number; values: readonly number[] }>((resolve) => {
      this.#waiting.set(id, (values) => resolve({ id, values }));
    });
  }

  answered(id: number, values: readonly number[]): void {
    this.#waiting.get(id)?.(values);
    this.#waiting.delete(id);
  }
}

interface Named {
  readonly name: string;
  readonly cache: Cache;
}

/** One process: plays its rounds and reports what happened. */
export async function historyWorker(): Promise<void> {
  const config = JSON.parse(process.env.HISTORY as string) as WorkerConfig;
  const { environment, epochCacheMs, deadlineMs, ttlSeconds, localBoundMs } = config;
  const entities = config.entities.map((name) =>
    defineEntity<number>({
      ...{ name, tags: (key) => [tagOf(key)] },
      // Slow and failing loads, so that entries within their grace are served as well.
      ...{ ttlSeconds, jitter: 0.5, graceSeconds: 60, softTimeoutMs: 20, errorTtlMs: 10 },
    }),
  );
  // What Redis answers is judged; what is served without it is promised less (docs/guarantees.md).
  const options = { entities, epochCacheMs, deadlineMs, whenRedisIsAway: 'fail' } as const;
  const local = { maxBytes: 1_000_000, boundMs: localBoundMs };
  const caches: Named[] = [
    { name: `${config.process}.plain`, cache: ours(environment, options).cache },
    { name: `${config.process}.local`, cache: ours(environment, { ...options, local }).cache },
  ];
  const parent = new Parent();
  process.on('message', (answer: Answer) => {
    if ('round' in answer) void play(answer.round, caches, parent).then((history) => say({ history }));
    else parent.answered(answer.id, answer.values);
  });
  process.on('disconnect', () => process.exit(0));
  for (const { cache } of caches) await cache.get('history:warm:up', () => 1);
  say({ ready: true });
}

async function play(round: Round, caches: readonly Named[], parent: Parent): Promise<History> {
  const random = generator(round.seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const names = Array.from({ length: round.keys }, (_, index) => `${round.entity}:${index}`);
  const reads: ReadDone[] = [];
  const writes: WriteDone[] = [];
  const errors: Record<string, number> = {};
  let loads = 0;

  async function load(key: string): Promise<number> {
    loads += 1;
    const [before, after, fails, slow] = [random() * 3, random() * 6, random() < 0.02, random() < 0.05];
    if (random() < 0.5) await sleep(before);
    if (fails) throw new Error('the source fails at times');
    const { values } = await parent.request({ load: key });
    // Some loads last longer than a tag generation is cached.
    await sleep(slow ? 30 * after : after);
    return values[0] as number;
  }

  const loadMany = async (keys: readonly string[]) =>
    new Map(await Promise.all(keys.map(async (key) => [key, await load(key)] as const)));

  async function read(): Promise<void> {
    const { name, cache } = pick(caches);
    const [kind, key, other] = [random(), pick(names), pick(names)];
    const began = now();
    const note = (of: string, value: number | null | undefined, strict = false) => {
      if (typeof value === 'number') reads.push({ key: of, value, began, cache: name, strict });
    };
    if (kind < 0.65) note(key, await cache.get(key, load));
    else if (kind < 0.8) note(key, await cache.get(key, load, { strict: true }), true);
    else if (kind < 0.95) for (const [each, value] of await cache.getMany([key, other], loadMany)) note(each, value);
    else for (const found of await cache.multiGet<number>([key, other])) note(found.key, found.value);
  }

  async function write(): Promise<void> {
    const [{ name, cache }, act, key] = [pick(caches), pick(round.acts), pick(names)];
    const keys = touchedBy(act, round, key);
    const { id, values } = await parent.request({ turn: act, keys });
    try {
      if (act === 'delete') await cache.delete(key);
      else if (act === 'set') await cache.set(key, values[0]);
      else if (act === 'tag') await cache.invalidateTag(tagOf(key));
      else if (act === 'prefix') await cache.invalidatePrefix(round.entity);
      else await cache.invalidatePattern(patternOf(key));
      const done = Object.fromEntries(keys.map((each, index) => [each, values[index] as number]));
      writes.push({ act, values: done, ended: now(), cache: name });
    } finally {
      say({ end: id });
    }
  }

  let started = 0;
  async function runWorker(): Promise<void> {
    while (started < round.operations) {
      started += 1;
      // Mostly reads: a world that is always invalidated has nothing to be stale.
      const operation = round.acts.length === 0 || random() < 0.85 ? read : write;
      await operation().catch((error: unknown) => {
        const code = errorCode(error);
        errors[code] = (errors[code] ?? 0) + 1;
      });
      if (random() < 0.2) await sleep(random() * 4);
    }
  }
  await Promise.all(Array.from({ length: round.concurrency }, runWorker));
  return { reads, writes, loads, errors };
}
