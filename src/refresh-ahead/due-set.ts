import type { RedisHandle } from '../redis';
import { defineScript } from '../redis/script';
import breakerLua from './lua/breaker-1.lua';
import claimLua from './lua/claim-6.lua';
import coolLua from './lua/cool-1.lua';
import doneLua from './lua/done-3.lua';
import offerLua from './lua/offer-6.lua';

/** One slot, so that a script may touch them all: what waits for a refresh is small and bounded. */
const KEYS = {
  due: 'work:{refresh}:due',
  claimed: 'work:{refresh}:claimed',
  expiry: 'work:{refresh}:expiry',
  heat: 'work:{refresh}:heat',
  since: 'work:{refresh}:since',
  fresh: 'work:{refresh}:fresh',
} as const;
const ALL = Object.values(KEYS);
const BREAKERS = 'work:{refresh}:breakers';

const offerScript = defineScript<[used: number, forgotten: number]>('offer-6', {
  keys: 6,
  lua: offerLua,
  writes: true,
});
const claimScript = defineScript<(number | string)[]>('claim-6', { keys: 6, lua: claimLua, writes: true });
const doneScript = defineScript<number>('done-3', { keys: 3, lua: doneLua, writes: true });
const coolScript = defineScript<number>('cool-1', { keys: 1, lua: coolLua, writes: true });
const breakerScript = defineScript<string>('breaker-1', { keys: 1, lua: breakerLua, writes: true });

/** What a process says of a key it read. Times in ms since 1970. */
export interface Offer {
  readonly key: string;
  /** When the refresh should begin. */
  readonly dueAt: number;
  readonly expiresAt: number;
  readonly reads: number;
  /** A read found the entry past its refresh point; else only heat decides. */
  readonly asked: boolean;
}

export interface ClaimedKey {
  readonly key: string;
  readonly expiresAt: number;
  /** Since when it has been kept by refreshes. */
  readonly since: number;
}

export interface Claims {
  readonly keys: readonly ClaimedKey[];
  /** Expired while due: each is a miss that a refresh would have spared. */
  readonly missed: number;
  /** Refreshed, then expired without a read. */
  readonly wasted: number;
  /** Due and not claimed. */
  readonly left: number;
}

/** The bounded set of keys that wait for a refresh, in the work store; all processes share it. */
export interface DueSet {
  offer(offers: readonly Offer[]): Promise<{ readonly used: number; readonly forgotten: number }>;
  claim(most: number, holdMs: number, leaveAlone: readonly string[]): Promise<Claims>;
  /** Ends claims; `expiresAt` is that of the new entry, 0 where the key was not refreshed. */
  done(ended: readonly { readonly key: string; readonly expiresAt: number }[]): Promise<void>;
  cool(): Promise<void>;
  /** Entities whose breaker is open. */
  openBreakers(now: number): Promise<ReadonlySet<string>>;
  /** Tells how loads of an entity went; answers until when its breaker is open, 0 while it is closed. */
  noteLoads(entity: string, well: number, failed: number): Promise<number>;
}

/** Heat (reads, halved each three minutes) from which a key is refreshed without being asked for. */
const HOT = 4;
const COOLING = 0.8;
/** Keys a script call handles: Redis answers nobody else meanwhile. */
const PAGE = 100;
const BREAKER = { failures: 5, firstPauseMs: 5_000, longestPauseMs: 300_000 } as const;

export function createDueSet(options: { readonly redis: RedisHandle; readonly maxKeys: number }): DueSet {
  const { redis, maxKeys } = options;
  const pages = <T>(items: readonly T[]): T[][] =>
    Array.from({ length: Math.ceil(items.length / PAGE) }, (_, page) => items.slice(page * PAGE, (page + 1) * PAGE));

  return {
    async offer(offers) {
      let [used, forgotten] = [0, 0];
      for (const page of pages(offers)) {
        const args = page.flatMap(({ key, dueAt, expiresAt, reads, asked }) => [
          ...[key, Math.round(dueAt), Math.round(expiresAt)],
          asked ? -Math.max(1, reads) : reads,
        ]);
        const [more, less] = await redis.run('work', offerScript, ALL, [maxKeys, HOT, ...args]);
        used += more;
        forgotten += less;
      }
      return { used, forgotten };
    },

    async claim(most, holdMs, leaveAlone) {
      const prefixes = leaveAlone.map((entity) => `${entity}:`);
      const [missed, wasted, left, ...rest] = await redis.run('work', claimScript, ALL, [most, holdMs, ...prefixes]);
      const keys: ClaimedKey[] = [];
      for (let i = 0; i < rest.length; i += 3) {
        keys.push({ key: String(rest[i]), expiresAt: Number(rest[i + 1]), since: Number(rest[i + 2]) });
      }
      return { keys, missed: Number(missed), wasted: Number(wasted), left: Number(left) };
    },

    async done(ended) {
      for (const page of pages(ended)) {
        const args = page.flatMap(({ key, expiresAt }) => [key, Math.round(expiresAt)]);
        await redis.run('work', doneScript, [KEYS.claimed, KEYS.expiry, KEYS.fresh], args);
      }
    },

    async cool() {
      await redis.run('work', coolScript, [KEYS.heat], [COOLING]);
    },

    async openBreakers(now) {
      const known = await redis.within(redis.client('work').hgetall(BREAKERS));
      const open = Object.entries(known).filter(([, state]) => Number(state.split(':')[1]) > now);
      return new Set(open.map(([entity]) => entity));
    },

    async noteLoads(entity, well, failed) {
      const { failures, firstPauseMs, longestPauseMs } = BREAKER;
      const args = [entity, well, failed, failures, firstPauseMs, longestPauseMs];
      return Number(await redis.run('work', breakerScript, [BREAKERS], args));
    },
  };
}
