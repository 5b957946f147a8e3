import { MINUTE } from '../clock';
import type { RedisHandle } from '../redis';
import { defineScript } from '../redis/scripts/script';
import breakerLua from './lua/breaker-1.lua';
import claimLua from './lua/claim-7.lua';
import doneLua from './lua/done-3.lua';
import offerLua from './lua/offer-6.lua';

/** All keys are in one slot, so that one script may use them all. The due set is small and bounded. */
const KEYS = {
  later: 'work:{refresh}:later',
  due: 'work:{refresh}:due',
  claimed: 'work:{refresh}:claimed',
  ends: 'work:{refresh}:ends',
  heat: 'work:{refresh}:heat',
  fresh: 'work:{refresh}:fresh',
} as const;
const ALL = Object.values(KEYS);
const SPENT = 'work:{refresh}:spent';
const BREAKERS = 'work:{refresh}:breakers';

const offerScript = defineScript<[used: number, unread: number, forgotten: number]>('offer-6', {
  keys: 6,
  lua: offerLua,
  writes: true,
});
const claimScript = defineScript<(number | string)[]>('claim-7', { keys: 7, lua: claimLua, writes: true });
const doneScript = defineScript<number>('done-3', { keys: 3, lua: doneLua, writes: true });
const breakerScript = defineScript<string>('breaker-1', { keys: 1, lua: breakerLua, writes: true });

/** What a process reports about an entry that it read. Times in ms since 1970. */
export interface Offer {
  readonly key: string;
  /** The refresh point; undefined if it has passed, which requests the refresh now. */
  readonly dueAt: number | undefined;
  readonly expiresAt: number;
  readonly reads: number;
}

export interface Offered {
  /** Refreshed entries that were read. */
  readonly used: number;
  /** Refreshed entries that were forgotten before a read. */
  readonly wasted: number;
  /** The coldest keys, which were forgotten. */
  readonly forgotten: number;
}

export interface ClaimOptions {
  /** Keys of this call. */
  readonly most: number;
  /** Keys of all calls in one clock minute. */
  readonly budgetPerMinute: number;
  readonly holdMs: number;
  /** Entities whose breaker is open, and until when, in ms since 1970. */
  readonly leaveAlone: ReadonlyMap<string, number>;
}

export type ClaimedKey = { readonly key: string; readonly expiresAt: number };

export interface Claims {
  readonly keys: readonly ClaimedKey[];
  /** Entries that expired while due or claimed: each is a miss that a refresh would have prevented. */
  readonly missed: number;
  /** Refreshed entries that expired without a read. */
  readonly wasted: number;
  /** Keys that are due and were not claimed. */
  readonly left: number;
  /** There is more work than one call does. */
  readonly more: boolean;
}

/** The bounded set of keys that wait for a refresh. It is in the work store, and all processes share it. */
export interface DueSet {
  offer(offers: readonly Offer[]): Promise<Offered>;
  claim(options: ClaimOptions): Promise<Claims>;
  /**
   * Ends claims. `expiresAt` belongs to the new entry; 0 if the key was not refreshed. Returns how many keys were still
   * claimed.
   */
  done(ended: readonly { readonly key: string; readonly expiresAt: number }[]): Promise<number>;
  /** Entities whose breaker is open, and until when, in ms since 1970. */
  openBreakers(now: number): Promise<ReadonlyMap<string, number>>;
  /** Records the result of loads of an entity. Returns until when its breaker is open; 0 if it is closed. */
  noteLoads(entity: string, well: number, failed: number): Promise<number>;
}

/** From this heat, two reads within three minutes, an entry is refreshed without a request. */
const HOT = 1.5;
/** Heat is the number of reported reads, halved every three minutes. */
const COOLING_MS = Math.round((3 * MINUTE) / Math.LN2);
/** Keys of one script call. Redis answers nobody else while the script runs. */
const PAGE = 100;
const BREAKER = { failures: 5, firstPauseMs: 5_000, longestPauseMs: 300_000 } as const;

export function createDueSet(options: { readonly redis: RedisHandle; readonly maxKeys: number }): DueSet {
  const { redis, maxKeys } = options;
  const pages = <T>(items: readonly T[]): T[][] =>
    Array.from({ length: Math.ceil(items.length / PAGE) }, (_, page) => items.slice(page * PAGE, (page + 1) * PAGE));

  return {
    async offer(offers) {
      const sum = { used: 0, wasted: 0, forgotten: 0 };
      for (const page of pages(offers)) {
        const args = page.flatMap(({ key, dueAt = 0, expiresAt, reads }) => {
          return [key, Math.round(dueAt), Math.round(expiresAt), reads];
        });
        const limits = [maxKeys, HOT, COOLING_MS];
        const [used, unread, forgotten] = await redis.run('work', offerScript, ALL, [...limits, ...args]);
        sum.used += used;
        sum.wasted += unread;
        sum.forgotten += forgotten;
      }
      return sum;
    },

    async claim({ most, budgetPerMinute, holdMs, leaveAlone }) {
      const alone = [...leaveAlone].flatMap(([entity, until]) => [`${entity}:`, until]);
      const [missed, wasted, left, more, ...rest] = await redis.run(
        'work',
        claimScript,
        [...ALL, SPENT],
        [most, budgetPerMinute, holdMs, ...alone],
      );
      const keys: ClaimedKey[] = [];
      for (let i = 0; i < rest.length; i += 2) keys.push({ key: String(rest[i]), expiresAt: Number(rest[i + 1]) });
      return { keys, missed: Number(missed), wasted: Number(wasted), left: Number(left), more: more === 1 };
    },

    async done(ended) {
      let claimed = 0;
      for (const page of pages(ended)) {
        const args = page.flatMap(({ key, expiresAt }) => [key, Math.round(expiresAt)]);
        claimed += await redis.run('work', doneScript, [KEYS.claimed, KEYS.ends, KEYS.fresh], args);
      }
      return claimed;
    },

    async openBreakers(now) {
      const known = await redis.within(redis.client('work').hgetall(BREAKERS));
      const until = Object.entries(known).map(([entity, state]) => [entity, Number(state.split(':')[1])] as const);
      return new Map(until.filter(([, at]) => at > now));
    },

    async noteLoads(entity, well, failed) {
      const { failures, firstPauseMs, longestPauseMs } = BREAKER;
      const args = [entity, well, failed, failures, firstPauseMs, longestPauseMs];
      return Number(await redis.run('work', breakerScript, [BREAKERS], args));
    },
  };
}
