import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Settings } from '../../src/index';
import type { FunctionsHost } from '../stack/functions-host';
import type { JobRun } from '../stack/job-line';
import type { JobRuns } from '../stack/job-runs';

/** Those whose timer is the beginning of their work; the other jobs are fired by what these queue. */
const TIMERS = ['planSweep', 'drainPoison', 'planRefreshes', 'collectMetrics', 'evaluateAlerts', 'reportPerformance'];
const RUN_MS = 40_000;
const QUIET_LOOKS = 3;

/** Fires jobs through the host, as its schedule would, and waits for what comes of it. */
export interface Jobs {
  /** Fires a timer's job and resolves with its run; rejects if it failed or left no trace. */
  run(job: string): Promise<JobRun>;
  /** Fires every timer's job that is not among `done`, one after the other. */
  runOthers(done: readonly string[]): Promise<void>;
  /** Fires it again and again, until the result is called. Failures are left to the checks. */
  keepRunning(job: string, everyMs: number): () => Promise<void>;
  /** Fires what takes up leftovers until every queue of the app is empty. Rejects after `timeoutMs`. */
  untilNothingIsLeft(timeoutMs: number): Promise<void>;
}

export function jobsOf(
  host: Pick<FunctionsHost, 'fire' | 'functions'>,
  runs: JobRuns,
  settings: Settings,
  connection: string,
): Jobs {
  const service = QueueServiceClient.fromConnectionString(connection);
  const names = [
    settings.WRITE_BEHIND_QUEUE,
    settings.REFRESH_AHEAD_QUEUE,
    settings.SWEEP_QUEUE,
    settings.ALERT_QUEUE,
  ].flatMap((name) => [name, `${name}-poison`]);

  const run = async (job: string): Promise<JobRun> => {
    const from = runs.all.length;
    await host.fire(job);
    const ended = await runs.next((one) => one.job === job, from, RUN_MS);
    if (!ended) throw new Error(`${job} was fired and did not end within ${RUN_MS / 1000} s`);
    if (!ended.ok) throw new Error(`${job} failed: ${ended.summary}`);
    return ended;
  };

  /** Messages that are in the queue, those being worked on included. */
  const waiting = async (name: string): Promise<number> => {
    const queue = service.getQueueClient(name);
    if (!(await queue.exists())) return 0;
    return (await queue.getProperties()).approximateMessagesCount ?? 0;
  };

  return {
    run,
    async runOthers(done) {
      const known = new Set((await host.functions()).map(({ name }) => name));
      for (const job of TIMERS) if (known.has(job) && !done.includes(job)) await run(job);
    },
    keepRunning(job, everyMs) {
      const stopping = new AbortController();
      const loop = async () => {
        while (!stopping.signal.aborted) {
          await run(job).catch(() => {});
          await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
        }
      };
      const running = loop();
      return async () => {
        stopping.abort();
        await running;
      };
    },
    async untilNothingIsLeft(timeoutMs) {
      const end = Date.now() + timeoutMs;
      for (let quiet = 0; quiet < QUIET_LOOKS; ) {
        await run('planRefreshes');
        const counts = await Promise.all(names.map(waiting));
        const left = counts.reduce((sum, count) => sum + count, 0);
        quiet = left === 0 ? quiet + 1 : 0;
        if (Date.now() > end) {
          const remaining = names
            .map((name, index) => `${name} ${counts[index]}`)
            .filter((text) => !text.endsWith(' 0'));
          throw new Error(`After ${timeoutMs / 1000} s there is still work in the queues: ${remaining.join(', ')}`);
        }
        await sleep(200);
      }
    },
  };
}
