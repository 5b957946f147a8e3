import { QueueServiceClient } from '@azure/storage-queue';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { type FunctionsHost, startFunctionsHost } from '../../local/stack/functions-host';
import { packageFolder } from '../built';
import { namesOf, registered, triggerOf, wellSet } from './registered';

const timers = ['collectMetrics', 'drainPoison', 'evaluateAlerts', 'planRefreshes', 'planSweep', 'reportPerformance'];
const endpoints = ['dashboard', 'dashboardActions', 'health', 'healthDetail', 'metrics', 'selfCheck'];

describe('an app that cannot work registers its timers and endpoints, not its queues, and says why in one line:', () => {
  const without = (name: keyof typeof wellSet) => ({ ...wellSet, [name]: '' });
  test.each<[string, Record<string, string>, RegExp]>([
    ['a wrong number', { ...wellSet, REDIS_DEADLINE_MS: 'soon' }, /REDIS_DEADLINE_MS: expected a whole number/],
    ['no Redis', without('REDIS_URL'), /REDIS_URL/],
    [
      'a Redis URL of another scheme',
      { ...wellSet, REDIS_URL: 'http://:canary@h' },
      /REDIS_URL: expected a redis:\/\//,
    ],
    ['nodes that are none', { ...wellSet, REDIS_NODES: 'a,b' }, /REDIS_NODES/],
    [
      'no storage',
      without('AzureWebJobsStorage'),
      /no storage account: set AzureWebJobsStorage or AzureWebJobsStorage__accountName/,
    ],
    [
      'an invalid storage account',
      { ...wellSet, AzureWebJobsStorage: 'canary' },
      /AzureWebJobsStorage: expected a storage/,
    ],
    ['an invalid database', { ...wellSet, DATABASE_URL: 'canary' }, /DATABASE_URL: expected a postgres/],
    [
      'a vault that is needed',
      { ...wellSet, REDIS_AUTH: 'key-vault' },
      /KEY_VAULT_URL is not set: REDIS_AUTH=key-vault reads/,
    ],
    ['a rules file that is missing', { ...wellSet, ALERT_RULES_FILE: 'no/such.json' }, /no\/such\.json has 1 fault/],
    ['a certificate file', { ...wellSet, REDIS_URL: 'rediss://h', REDIS_TLS_CA_FILE: '/no' }, /REDIS_TLS_CA_FILE/],
    ['quiet hours', { ...wellSet, SWEEP_QUIET_HOURS: 'at night' }, /SWEEP_QUIET_HOURS/],
    ['two jobs on a queue', { ...wellSet, SWEEP_QUEUE: 'write-behind' }, /SWEEP_QUEUE: expected a queue of its own/],
  ])('%s', (_case, env, fault) => {
    const registration = registered(env);
    expect(namesOf(registration, 'timerTrigger')).toEqual(timers);
    expect(namesOf(registration, 'httpTrigger')).toEqual(endpoints);
    expect(namesOf(registration, 'queueTrigger')).toEqual([]);
    const lines = registration.printed.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', faults: expect.stringMatching(fault) });
    expect(registration.printed).not.toContain('canary');
  });

  test('entities that throw, without the secret that their error holds', () => {
    const load = `require('${packageFolder}/functions.js').registerJobs({ entities() { throw new Error('no way to canary'); } })`;
    const registration = registered({ ...wellSet, ALERT_WEBHOOK_SECRET: 'canary' }, load);
    expect(namesOf(registration, 'timerTrigger')).toEqual(timers);
    expect(namesOf(registration, 'queueTrigger')).toEqual([]);
    expect(registration.printed).toContain('no way to (masked)');
  });

  test('an invalid schedule, registered with its default, as are those that the host would not read', () => {
    const fields = 'six NCRONTAB fields';
    for (const [schedule, expected] of [
      ['hourly', fields],
      ['%SWEEP_SCHEDULE%', fields],
      ['0 0 25 * * *', 'field 3, the hour, to be 0 to 23'],
      ['0 0 0 30 2 *', 'a time that comes'],
      ['* * * * *', fields],
    ] as const) {
      const registration = registered({ ...wellSet, SWEEP_SCHEDULE: schedule });
      expect(triggerOf(registration, 'planSweep')).toMatchObject({ schedule: '0 0 * * * *' });
      expect(registration.printed).toContain(`SWEEP_SCHEDULE: expected ${expected}`);
      expect(namesOf(registration, 'queueTrigger')).toEqual([]);
    }
  });

  test('everything that is missing at once, and an invalid port by its setting’s name', () => {
    const nothing = registered({}).printed;
    expect(nothing).toContain('AzureWebJobsStorage');
    expect(nothing).toContain('No Redis to connect to: set REDIS_URL');
    const { printed } = registered({ REDIS_URL: 'redis://h:99999', REDIS_AUTH: 'key-vault', DATABASE_URL: 'canary' });
    expect(printed).toContain('REDIS_URL: expected a redis:// or rediss:// URL with a port from 1 to 65535');
    for (const name of ['AzureWebJobsStorage', 'KEY_VAULT_URL', 'DATABASE_URL']) expect(printed).toContain(name);
  });

  test('every fault at once, those of settings and those found later', () => {
    const { printed } = registered({ ...wellSet, DATABASE_POOL_SIZE: '0', SWEEP_DUTY: '2', REDIS_NODES: 'a' });
    for (const name of ['DATABASE_POOL_SIZE', 'SWEEP_DUTY', 'REDIS_NODES']) expect(printed).toContain(name);
  });
});

describe('under the local host, a sick app', () => {
  const secret = 'postgres-canary-4711';
  const lines: string[] = [];
  let azurite: RunningAzurite;
  let host: FunctionsHost;

  beforeAll(async () => {
    azurite = await startAzurite();
    const queues = QueueServiceClient.fromConnectionString(azurite.connectionString);
    for (const name of ['write-behind', 'refresh-ahead', 'sweep', 'alert-notifications']) {
      await queues.getQueueClient(name).create();
      await queues.getQueueClient(name).sendMessage(Buffer.from('{"waits":true}').toString('base64'));
    }
    host = await startFunctionsHost({
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME, STEWARD_HOST: 'local' },
        ...{ REDIS_URL: 'redis://127.0.0.1:1', AzureWebJobsStorage: azurite.connectionString },
        ...{ DATABASE_URL: secret, SWEEP_DUTY: '7', COLLECT_METRICS_SCHEDULE: 'each minute' },
      },
      onLine: (line) => void lines.push(line),
    });
  });
  afterAll(async () => {
    await host?.process.stop(10_000);
    await azurite?.stop();
  });

  test('answers `down` to anybody, with 503', async () => {
    const answer = await fetch(`${host.address}/api/health`);
    expect([answer.status, await answer.text()]).toEqual([503, 'down']);
  });

  test('names every fault to those who have a key, secrets masked', async () => {
    const answer = await fetch(`${host.address}/api/health/detail`);
    expect(answer.status).toBe(503);
    const detail = (await answer.json()) as { status: string; faults: string[] };
    expect(detail.status).toBe('down');
    expect(detail.faults).toEqual([
      `DATABASE_URL: expected a postgres:// URL, got a value of ${secret.length} characters (masked)`,
      'COLLECT_METRICS_SCHEDULE: expected six NCRONTAB fields: second minute hour day month weekday, UTC, got "each minute"',
      'SWEEP_DUTY: expected a number from 0.001 to 1, got "7"',
    ]);
  });

  test.each(['dashboard', 'metrics', 'selfCheck'])('fails %s with the one message', async (route) => {
    const answer = await fetch(`${host.address}/api/${route}`);
    expect(answer.status).toBe(503);
    const message = expect.stringMatching(/^3 settings are wrong:\n {2}DATABASE_URL: /);
    expect(await answer.json()).toEqual({ error: 'E_SETTINGS', message });
  });

  test('fails every timer with the one message', async () => {
    for (const name of timers) await host.fire(name);
    for (const name of timers) {
      const end = await lineWith((line) => line.event === 'invocation' && line.function === name);
      expect(end).toMatchObject({ ok: false, error: expect.stringMatching(/^3 settings are wrong:/) });
    }
  });

  test('leaves the messages of its queues untouched', async () => {
    const queues = QueueServiceClient.fromConnectionString(azurite.connectionString);
    for (const name of ['write-behind', 'refresh-ahead', 'sweep', 'alert-notifications']) {
      const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages();
      expect(peekedMessageItems).toMatchObject([{ dequeueCount: 0 }]);
    }
  });

  test('never says the secret', () => expect(lines.join('\n')).not.toContain(secret));

  async function lineWith(matches: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const found = lines
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
        .find(matches);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
