import type { Clock } from '../clock';
import { SECOND } from '../clock';
import { coerceError, errorCode } from '../errors';
import type { RedisHandle } from '../redis';
import { withTimeout } from '../timeout';
import { latestBatches } from './samples/latest-batches';
import type { SampleStore } from './samples/sample-store';

export interface Check {
  readonly ok: boolean;
  /** One short sentence, without an address or a secret. */
  readonly detail: string;
  readonly ms: number;
}

/** A readiness answer: `down` where the app can't do its work, `degraded` where it can and somebody should look. */
export interface Health {
  readonly status: 'ok' | 'degraded' | 'down';
  /** One sentence for each thing that is not as it should be. */
  readonly faults: readonly string[];
  readonly checks: Readonly<Record<'redis' | 'storage' | 'samples', Check>>;
}

export interface HealthOptions {
  readonly redis: RedisHandle;
  readonly store: SampleStore;
  readonly clock: Clock;
  /** How long a check may take, in ms. Default: 3000. */
  readonly timeoutMs?: number;
}

/** Newer than this, the collector is alive. */
const FRESH = 180 * SECOND;

export async function readHealth({ redis, store, clock, timeoutMs = 3_000 }: HealthOptions): Promise<Health> {
  let newest = 0;
  const [redisCheck, storage] = await Promise.all([
    check(timeoutMs, async () => {
      await redis.ready(timeoutMs);
      await redis.within(redis.client('work').ping(), { deadlineMs: timeoutMs });
      return 'answers';
    }),
    check(timeoutMs, async () => {
      const batches = await latestBatches(store, clock.now());
      newest = Math.max(0, ...batches.map(({ at }) => at));
      return 'answers';
    }),
  ]);
  const age = clock.now() - newest;
  const samples = {
    ok: newest > 0 && age < FRESH,
    detail: newest > 0 ? `the newest is ${Math.round(age / SECOND)} s old` : 'none within five minutes',
    ms: storage.ms,
  };
  const status = !redisCheck.ok || !storage.ok ? 'down' : samples.ok ? 'ok' : 'degraded';
  const checks = { redis: redisCheck, storage, samples };
  const faults = Object.entries(checks).flatMap(([name, { ok, detail }]) => (ok ? [] : [`${name}: ${detail}`]));
  return { status, faults, checks };
}

async function check(timeoutMs: number, ask: () => Promise<string>): Promise<Check> {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  try {
    const detail = await withTimeout(ask(), timeoutMs, () => new Error(`no answer within ${timeoutMs} ms`));
    return { ok: true, detail, ms: ms() };
  } catch (error) {
    // The message of an SDK may name hosts and accounts; the code is enough for a public answer.
    const code = errorCode(error);
    return { ok: false, detail: code === 'E_UNKNOWN' ? coerceError(error).name : code, ms: ms() };
  }
}
