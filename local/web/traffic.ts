import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisHandle } from '../../src/index';
import { writeSessionsWithoutTtl } from './legacy-script';
import { type Visitors, visitorsOf } from './visitors';

export interface Traffic {
  /** Requests answered, and those that failed, since the last call. */
  take(): { requests: number; failed: number };
  stop(): Promise<void>;
}

const TICK_MS = 1_000;
const PROFILES = 500;
const HOT_PRICES = 100;
const PRODUCTS = 200;
/** Logins for one session that the legacy script writes. */
const LOGINS_PER_LEGACY = 10;
const KEPT_COOKIES = 50;

/** Steady traffic, small enough for any machine: some 50 requests a second, until stopped. */
export function startTraffic(address: string, redis: RedisHandle): Traffic {
  const visitors = visitorsOf(address);
  const stopping = new AbortController();
  let counted = { requests: 0, failed: 0 };
  const cookies: string[] = [];
  let logins = 0;

  const attempt = async (request: Promise<unknown>): Promise<void> => {
    counted.requests += 1;
    await request.catch(() => {
      counted.failed += 1;
    });
  };
  const login = async () => {
    logins += 1;
    cookies.push(await visitors.login(`visitor-${pick(PROFILES)}`));
    if (cookies.length > KEPT_COOKIES) cookies.shift();
    if (logins % LOGINS_PER_LEGACY === 0) await writeSessionsWithoutTtl(redis, 1);
  };
  const cookie = () => cookies[pick(cookies.length)];

  const run = async () => {
    while (!stopping.signal.aborted) {
      const known = cookie();
      await Promise.all([...tick(visitors), login(), login(), ...(known ? [visitors.visit(known)] : [])].map(attempt));
      await sleep(TICK_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = seed(visitors).then(run);

  return {
    take() {
      const taken = counted;
      counted = { requests: 0, failed: 0 };
      return taken;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Writes to random profiles, hot reads of the same prices again and again, cold reads all over profiles and products. */
function tick(visitors: Visitors): Promise<unknown>[] {
  const hot = Array.from({ length: HOT_PRICES }, (_, n) => `p${n}`);
  return [
    ...Array.from({ length: 20 }, () => {
      const id = pick(PROFILES);
      return visitors.write(`${id}`, { name: `User ${id}`, plan: ['free', 'team'][pick(2)] });
    }),
    ...Array.from({ length: 15 }, () => visitors.profile(`${pick(PROFILES * 2)}`)),
    ...Array.from({ length: 10 }, () => visitors.product(`sku-${pick(PRODUCTS)}`)),
    visitors.prices(hot),
  ];
}

/** The rows that are read, some at a time: the database is small. */
async function seed(visitors: Visitors): Promise<void> {
  for (let n = 0; n < PRODUCTS; n += 1) {
    const price = n < HOT_PRICES ? [visitors.setPrice(`p${n}`, 1 + pick(100))] : [];
    const product = visitors.setProduct(`sku-${n}`, { name: `Product ${n}`, price: 1 + pick(100), stock: pick(50) });
    await Promise.allSettled([product, ...price]);
  }
}

const pick = (count: number) => Math.floor(Math.random() * count);
