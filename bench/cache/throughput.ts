import { median } from '../types';

export interface Contender {
  readonly name: string;
  readonly hit: (key: string) => Promise<unknown>;
}

/** Calls a second with `callers` at once, each going through the keys in turn, for `ms`. */
async function once(hit: Contender['hit'], keys: readonly string[], callers: number, ms: number): Promise<number> {
  let [next, count] = [0, 0];
  const started = performance.now();
  const end = started + ms;
  async function caller() {
    while (performance.now() < end) {
      for (let turn = 0; turn < 16; turn += 1) {
        const key = keys[next % keys.length] as string;
        next += 1;
        if ((await hit(key)) === undefined) throw new Error('a hit was expected, and there was nothing');
        count += 1;
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, caller));
  return (count / (performance.now() - started)) * 1_000;
}

export interface Rates {
  /** Calls a second, the middle of the rounds. */
  readonly rates: Readonly<Record<string, number>>;
  /** First over the others, round by round, the middle of them: what the machine did meanwhile cancels out. */
  readonly over: Readonly<Record<string, number>>;
}

/** All in turn, round after round; the first round only warms up. */
export async function compare(
  contenders: readonly Contender[],
  keys: readonly string[],
  options: { readonly callers: number; readonly ms: number; readonly rounds: number },
): Promise<Rates> {
  const seen = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const { name, hit } of contenders) {
      const rate = await once(hit, keys, options.callers, round === 0 ? options.ms / 2 : options.ms);
      if (round > 0) (seen.get(name) as number[]).push(rate);
    }
  }
  const [first] = contenders;
  const own = seen.get(first?.name ?? '') as number[];
  const rates = Object.fromEntries([...seen].map(([name, list]) => [name, median(list)]));
  const over = Object.fromEntries(
    [...seen].slice(1).map(([name, list]) => [name, median(list.map((rate, round) => (own[round] as number) / rate))]),
  );
  return { rates, over };
}
