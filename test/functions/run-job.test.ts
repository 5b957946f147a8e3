import { TableClient } from '@azure/data-tables';
import { InvocationContext, type Timer } from '@azure/functions';
import type { App } from '../../src/app';
import { contextLogger } from '../../src/functions/context-logger';
import { answer, runJob, tickOf } from '../../src/functions/run-job';

function context(lines: string[]): InvocationContext {
  return new InvocationContext({
    functionName: 'flushWrites',
    logHandler: (level, ...args) => lines.push(`${level} ${args.join(' ')}`),
  });
}

function appWith(ended: string[]): App {
  return {
    jobEnded: async (job: string, _ms: number, failedWith = 'ok') => {
      ended.push(`${job} ${failedWith}`);
    },
  } as unknown as App;
}

describe('a job’s run', () => {
  test('leaves one structured line with what it did, and is counted', async () => {
    const lines: string[] = [];
    const ended: string[] = [];
    await runJob(
      () => appWith(ended),
      'flushWrites',
      context(lines),
      async () => ({ summary: 'saved 3 rows', figures: { rows: 3 } }),
    );
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!.replace('information ', ''))).toMatchObject({
      job: 'flushWrites',
      ok: true,
      summary: 'saved 3 rows',
      figures: { rows: 3 },
    });
    expect(ended).toEqual(['flushWrites ok']);
  });

  test('that fails says so in one line, is counted, and throws on so that the host retries', async () => {
    const lines: string[] = [];
    const ended: string[] = [];
    const failure = Object.assign(new Error('Redis is unavailable'), { code: 'E_REDIS_UNAVAILABLE' });
    const run = runJob(
      () => appWith(ended),
      'sweepShard',
      context(lines),
      () => Promise.reject(failure),
    );
    await expect(run).rejects.toBe(failure);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"code":"E_REDIS_UNAVAILABLE","summary":"Redis is unavailable"');
    expect(ended).toEqual(['sweepShard E_REDIS_UNAVAILABLE']);
  });

  test('that did none of its work is recorded as failed, and its message completes', async () => {
    const lines: string[] = [];
    const ended: string[] = [];
    const report = { summary: 'saved 0 writes, 20 put back for later', figures: {}, failedWith: 'E_REDIS_UNAVAILABLE' };
    await runJob(
      () => appWith(ended),
      'flushWrites',
      context(lines),
      async () => report,
    );
    expect(lines).toEqual([
      expect.stringMatching(/^warn.*"ok":false.*"code":"E_REDIS_UNAVAILABLE","summary":"saved 0/),
    ]);
    expect(ended).toEqual(['flushWrites E_REDIS_UNAVAILABLE']);
  });

  test('files what the services log under its invocation', async () => {
    const lines: string[] = [];
    await runJob(
      () => appWith([]),
      'planSweep',
      context(lines),
      async () => {
        contextLogger.warn({ shard: 'a' }, 'shard skipped');
        return { summary: 'planned', figures: {} };
      },
    );
    expect(lines[0]).toBe('warning {"level":"warn","message":"shard skipped","shard":"a"}');
  });
});

test('an answer that fails says in one line which one, and why', async () => {
  const lines: string[] = [];
  const failure = Object.assign(new Error('Redis is unavailable'), { code: 'E_REDIS_UNAVAILABLE' });
  const { status } = await answer(
    () => undefined,
    context(lines),
    () => Promise.reject(failure),
  );
  expect(status).toBe(503);
  expect(lines).toEqual([
    'error {"message":"flushWrites could not answer","code":"E_REDIS_UNAVAILABLE","error":"Redis is unavailable"}',
  ]);
});

describe('storage that does not answer', () => {
  let thrown: Error;
  beforeAll(async () => {
    const nobody = 'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:1/a;';
    const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
    const table = TableClient.fromConnectionString(nobody, 'abc', options);
    thrown = await table.createTable().then(
      () => new Error('no error'),
      (error: Error) => error,
    );
  });

  test('is named in the line of a job', async () => {
    const lines: string[] = [];
    const run = runJob(
      () => appWith([]),
      'planSweep',
      context(lines),
      () => Promise.reject(thrown),
    );
    await expect(run).rejects.toBe(thrown);
    expect(lines[0]).toContain('"summary":"Storage does not answer: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1"');
  });

  test('is named in an answer, without its address', async () => {
    const answered = await answer(
      () => undefined,
      context([]),
      () => Promise.reject(thrown),
    );
    const jsonBody = { error: 'ECONNREFUSED', message: 'Storage does not answer: ECONNREFUSED' };
    expect(answered).toEqual({ status: 503, jsonBody });
  });
});

describe('the tick of a timer', () => {
  const timer = (next: string | undefined, isPastDue = false): Timer =>
    ({
      isPastDue,
      schedule: { adjustForDST: true },
      scheduleStatus: next && { last: '', lastUpdated: '', next },
    }) as never;
  const now = new Date('2026-11-23T10:00:20.340Z');

  test('is what the schedule says, not when the host got round to it', () => {
    expect(tickOf(timer('2026-11-23T10:00:20Z'), now).toISOString()).toBe('2026-11-23T10:00:20.000Z');
  });

  test('is the present second where the host keeps no status', () => {
    expect(tickOf(timer(undefined), now).toISOString()).toBe('2026-11-23T10:00:20.000Z');
  });

  test('is the present second of a past-due run and of one fired by hand', () => {
    expect(tickOf(timer('2026-11-23T09:00:20Z', true), now).toISOString()).toBe('2026-11-23T10:00:20.000Z');
    expect(tickOf(timer('2026-11-23T10:01:20Z'), now).toISOString()).toBe('2026-11-23T10:00:20.000Z');
  });
});
