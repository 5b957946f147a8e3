import { MINUTE } from '../clock';
import type { RedisHandle } from '../redis';
import { defineScript } from '../redis/scripts/script';
import breakerLua from './lua/breaker-1.lua';
import claimLua from './lua/claim-7.lua';
import doneLua from './lua/done-3.lua';
import offerLua from './lua/offer-6.lua';

/** One slot, so that a script may touch them all: what waits for a refresh is small and bounded. */
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

/** What a process says of an entry it read. Times in ms since 1970. */
export interface Offer {
  readonly key: string;
  /** The refresh point; undefined where a read found it passed and so asks for the refresh. */
  readonly dueAt: number | undefined;
  readonly expiresAt: number;
  readonly reads: number;
}

export interface Offered {
  /** Refreshed entries that were read. */
  readonly used: number;
  /** Refreshed and forgotten before anybody read them. */
  readonly wasted: number;
  /** Keys forgotten as the coldest. */
  readonly forgotten: number;
}

export interface ClaimOptions {
  /** Keys at this call. */
  readonly most: number;
  /** Keys of all calls in one minute of the clock. */
  readonly budgetPerMinute: number;
  readonly holdMs: number;
  /** Entities whose breaker is open, and until when. */
  readonly leaveAlone: ReadonlyMap<string, number>;
}

export interface ClaimedKey {
  readonly key: string;
  readonly expiresAt: number;
}

export interface Claims {
  readonly keys: readonly ClaimedKey[];
  /** Expired while due or claimed: each is a miss that a refresh would have spared. */
  readonly missed: number;
  /** Refreshed, then expired without a read. */
  readonly wasted: number;
  /** Due and not claimed. */
  readonly left: number;
  /** There was more to do than one call does. */
  readonly more: boolean;
}

/** The bounded set of keys that wait for a refresh, in the work store; all processes share it. */
export interface DueSet {
  offer(offers: readonly Offer[]): Promise<Offered>;
  claim(options: ClaimOptions): Promise<Claims>;
  /**
   * Ends claims; `expiresAt` is that of the new entry, 0 where the key was not refreshed. Answers how many were still
   * claimed.
   */
  done(ended: readonly { readonly key: string; readonly expiresAt: number }[]): Promise<number>;
  /** Entities whose breaker is open, and until when. */
  openBreakers(now: number): Promise<ReadonlyMap<string, number>>;
  /** Tells how loads of an entity went; answers until when its breaker is open, 0 while it is closed. */
  noteLoads(entity: string, well: number, failed: number): Promise<number>;
}

/** Two reads within three minutes: from this heat an entry is refreshed without being asked for. */
const HOT = 1.5;
/** Heat is the number of reads told, halved each three minutes. */
const COOLING_MS = Math.round((3 * MINUTE) / Math.LN2);
/** Keys a script call handles: Redis answers nobody else meanwhile. */
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
        const args = page.flatMap(({ key, dueAt = 0, expiresAt, reads }) => [
          ...[key, Math.round(dueAt), Math.round(expiresAt), reads],
        ]);
        const [used, unread, forgotten] = await redis.run('work', offerScript, ALL, [
          ...[maxKeys, HOT, COOLING_MS],
          ...args,
        ]);
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
