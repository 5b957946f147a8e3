import { coerceError, errorCode } from '../errors';
import type { RedisHandle } from '../redis';
import { withTimeout } from '../timeout';
import type { JobState } from './jobs';

export interface Check {
  readonly ok: boolean;
  /** One short sentence, without a secret. */
  readonly detail: string;
  readonly ms: number;
}

/** A readiness answer: `down` if the app can't do its work, `degraded` if it can and somebody should look. */
export interface Health {
  readonly status: 'ok' | 'degraded' | 'down';
  /** One sentence for each thing that is not as it should be. */
  readonly faults: readonly string[];
  readonly checks: Readonly<Record<'redis' | 'storage' | 'database' | 'writes', Check>>;
  /** Whether each job does its work; none if storage does not say. */
  readonly jobs: readonly JobState[];
}

export interface HealthOptions {
  readonly redis: RedisHandle;
  /** The record of job runs, and the queues. */
  readonly jobs: () => Promise<readonly JobState[]>;
  /** Reads a blob. */
  readonly blobs: () => Promise<unknown>;
  /** Asks the database a question; left out if none is configured. */
  readonly database?: (() => Promise<unknown>) | undefined;
  /** The accepted writes that are not saved yet. */
  readonly backlog: () => Promise<{ readonly messages: number; readonly oldestSeconds: number | undefined }>;
  /** The age of a waiting write from which somebody should look. */
  readonly oldestWriteSeconds: number;
  /** Takes secrets out of what others threw. */
  readonly mask?: (text: string) => string;
  /** How long a check may take, in ms. Default: 3000. */
  readonly timeoutMs?: number;
}

export async function readHealth(options: HealthOptions): Promise<Health> {
  const { redis, database, oldestWriteSeconds, mask = (text) => text, timeoutMs = 3_000 } = options;
  let jobs: readonly JobState[] = [];
  const check = (ask: () => Promise<string | Fault>) => limitedCheck(ask, mask, timeoutMs);
  const [redisCheck, storage, databaseCheck, writes] = await Promise.all([
    check(async () => {
      await redis.ready(timeoutMs);
      await redis.within(redis.client('work').ping(), { deadlineMs: timeoutMs });
      return 'answers';
    }),
    check(async () => {
      const [states] = await Promise.all([options.jobs(), options.blobs()]);
      jobs = states;
      return 'tables, queues and blobs answer';
    }),
    check(async () => {
      if (database === undefined) return 'none is configured: DATABASE_URL is not set';
      await database();
      return 'answers';
    }),
    check(async () => {
      const { messages, oldestSeconds } = await options.backlog();
      if (oldestSeconds === undefined) return `about ${messages} messages wait`;
      const detail = `about ${messages} messages wait, the oldest write for ${Math.round(oldestSeconds)} s`;
      return oldestSeconds < oldestWriteSeconds ? detail : new Fault(detail);
    }),
  ]);
  const checks = { redis: redisCheck, storage, database: databaseCheck, writes };
  const overdue = jobs.filter(({ isOverdue }) => isOverdue);
  const faults = [
    ...Object.entries(checks).flatMap(([name, { ok, detail }]) => (ok ? [] : [`${name}: ${detail}`])),
    ...overdue.map(({ job, detail }) => `${job}: ${detail}`),
  ];
  const isDown = !redisCheck.ok || !storage.ok;
  return { status: isDown ? 'down' : faults.length > 0 ? 'degraded' : 'ok', faults, checks, jobs };
}

/** The check was answered, but the answer is a reason to look: too old a write, for example. */
class Fault {
  constructor(readonly detail: string) {}
}

async function limitedCheck(ask: () => Promise<string | Fault>, mask: (text: string) => string, timeoutMs: number) {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  try {
    const answer = await withTimeout(ask(), timeoutMs, () => new Error(`no answer within ${timeoutMs} ms`));
    if (answer instanceof Fault) return { ok: false, detail: answer.detail, ms: ms() };
    return { ok: true, detail: answer, ms: ms() };
  } catch (error) {
    const code = errorCode(error);
    const line = mask(coerceError(error).message).split('\n')[0] ?? '';
    return { ok: false, detail: code === 'E_UNKNOWN' ? line : `${code}: ${line}`, ms: ms() };
  }
}
