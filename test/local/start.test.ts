import { execFile } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt } from '../built';
import { allGone, descendants, endAll, startStack } from './stack-process';

beforeAll(ensureBuilt);
afterEach(endAll);
jest.setTimeout(120_000);

const UP = /Ctrl-C stops all of it/;

describe('one line each, and a failed start, for', () => {
  /** Takes every connection and never answers. */
  let silent: Server;
  let nobody: string;
  beforeAll(async () => {
    silent = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    nobody = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  });
  afterAll(() => silent.close());

  const account = (address: string) =>
    'DefaultEndpointsProtocol=http;AccountName=mine;AccountKey=c2VjcmV0;' +
    `QueueEndpoint=http://${address}/mine;BlobEndpoint=http://${address}/mine;TableEndpoint=http://${address}/mine;`;

  async function failed(env: Record<string, string>, args: string[] = []): Promise<readonly string[]> {
    const started = startStack(args, env);
    expect(await started.ended).toBe(1);
    expect(started.output).not.toMatch(/secret|c2VjcmV0/);
    return started.lines.filter((line) => !/^(looking|still waiting) for/.test(line));
  }

  test('servers of one’s own that refuse', async () => {
    const nowhere = '127.0.0.1:1';
    const lines = await failed({
      REDIS_URL: `redis://:secret@${nowhere}`,
      AzureWebJobsStorage: account(nowhere),
      DATABASE_URL: `postgres://u:secret@${nowhere}/d`,
    });
    expect(lines).toEqual([
      expect.stringMatching(
        /^Redis can't be reached: .*ECONNREFUSED 127.0.0.1:1.* Start it, correct REDIS_URL, or leave/,
      ),
      expect.stringMatching(/^storage can't be reached: .*ECONNREFUSED 127.0.0.1:1\. Start it, correct AzureWebJobsSt/),
      expect.stringMatching(/^database can't be reached: .*ECONNREFUSED 127.0.0.1:1\. Start it, correct DATABASE_URL/),
    ]);
  });

  test('servers of one’s own that never answer', async () => {
    const lines = await failed({
      REDIS_URL: `redis://:secret@${nobody}`,
      AzureWebJobsStorage: account(nobody),
      DATABASE_URL: `postgres://u:secret@${nobody}/d`,
    });
    expect(lines).toEqual([
      expect.stringMatching(/^Redis can't be reached: no connection to Redis at \S+ within \d+ ms/),
      expect.stringMatching(/^storage can't be reached: no answer within \d+ s\. Start it/),
      expect.stringMatching(/^database can't be reached: (no answer within|timeout)/),
    ]);
  });

  test('servers that are looked for are named before they are waited for', async () => {
    const started = startStack([], { AzureWebJobsStorage: account(nobody) });
    await started.until(/looking for your storage \(AzureWebJobsStorage\)/);
    expect(started.lines).toHaveLength(1);
    await started.ended;
  });

  test('a storage account that is no connection string', async () => {
    const lines = await failed({ AzureWebJobsStorage: 'mystorage' });
    expect(lines).toEqual(['One setting is wrong:', expect.stringMatching(/AzureWebJobsStorage: expected /)]);
  });

  test('wrong settings, all of them at once', async () => {
    const lines = await failed({ REDIS_DEADLINE_MS: 'soon', SWEEP_SCHEDULE: 'hourly', REDIS_MODE: 'ring' });
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringContaining('REDIS_DEADLINE_MS: expected a whole number from 1 to 60000, got "soon"'),
        expect.stringContaining('SWEEP_SCHEDULE: '),
        expect.stringContaining('REDIS_MODE: '),
      ]),
    );
  });

  test('a host that is neither of the two', async () => {
    expect(await failed({ STEWARD_HOST: 'azure' })).toEqual(['STEWARD_HOST: expected local or func, got "azure"']);
  });

  test('an option that there is not', async () => {
    const [line, ...others] = await failed({}, ['--twice']);
    expect(line).toBe("Unknown option '--twice'. The options are --once, --sentinel and --help");
    expect(others).toEqual([]);
  });

  test('--sentinel beside a Redis of one’s own', async () => {
    expect(await failed({ REDIS_SENTINELS: nobody }, ['--sentinel'])).toEqual([
      '--sentinel starts a Redis of its own: leave REDIS_SENTINELS unset',
    ]);
  });
});

test.each(['--help', '-h'])('%s lists the options and starts nothing', async (option) => {
  const started = startStack([option]);
  expect(await started.ended).toBe(0);
  expect(started.output).toMatch(/--once .*\n.*--sentinel .*\n.*--help /);
});

test('settings that are empty are as good as unset', async () => {
  const started = startStack([], { REDIS_URL: '', AzureWebJobsStorage: '', DATABASE_URL: '', REDIS_DEADLINE_MS: '' });
  await started.until(UP);
  expect(started.lines).toContain('starting Redis, storage, database, the app');
});

test('the stack runs every job, shows the dashboard, and what it prints to be typed works as printed', async () => {
  const started = startStack();
  await started.until(UP);
  await started.until(/flushWrites +\d+ ms {2}saved \d+ writes/);
  await started.until(/planRefreshes +\d+ ms/);

  const [, host] = await started.until(/functions host \(local\): (\S+)/);
  const functions = (await (await fetch(`${host}/admin/functions`)).json()) as { name: string; trigger: string }[];
  expect(functions.map(({ name, trigger }) => `${name} ${trigger}`)).toEqual(
    expect.arrayContaining([
      'flushWrites queueTrigger',
      'drainPoison timerTrigger',
      'planRefreshes timerTrigger',
      'refreshEntries queueTrigger',
      'planSweep timerTrigger',
      'sweepShard queueTrigger',
      'collectMetrics timerTrigger',
      'evaluateAlerts timerTrigger',
      'notifyAlerts queueTrigger',
    ]),
  );
  const [, dashboard] = await started.until(/dashboard: (http:\S+)/);
  const page = await fetch(`${dashboard}`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(await page.text()).toContain('uPlot');

  // A person waits for the next full minute; the test has the sample taken now.
  await fetch(`${host}/admin/functions/collectMetrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"input":""}',
  });
  await started.until(/collectMetrics +\d+ ms {2}1 of 1 nodes/);
  const block = started.output.split('paste:\n\n')[1]?.split('\n\n')[0]?.split('\n') ?? [];
  const settings = block.filter((line) => line.startsWith('  export '));
  const commands = block.filter((line) => !line.startsWith('  export '));
  expect(settings.join('\n')).toMatch(/REDIS_URL=[\s\S]*AzureWebJobsStorage=[\s\S]*DATABASE_URL=/);
  expect(commands).toHaveLength(3);
  const outputs = await Promise.all(
    commands.map((command) =>
      promisify(execFile)('sh', ['-ec', `${settings.join('\n')}\n${command}`], {
        cwd: projectRoot,
        env: { PATH: process.env.PATH, HOME: process.env.HOME },
      }),
    ),
  );
  expect(outputs.map(({ stdout }) => stdout)).toEqual([
    expect.stringMatching(/\d+ checks: 0 wrong/),
    expect.stringMatching(/^census: \d+ keys[\s\S]*user:profile/),
    expect.stringMatching(/\.\w+ +\d/),
  ]);
});

test('a server of one’s own is never printed', async () => {
  const first = startStack();
  await first.until(UP);
  const own = Object.fromEntries(
    [...first.output.matchAll(/export (\w+)='(.*)'/g)].map(([, name, value]) => [name, value as string]),
  );
  const second = startStack([], own);
  await second.until(UP);
  expect(second.lines).toEqual(
    expect.arrayContaining([
      'Redis: yours (REDIS_URL)',
      'storage: yours (AzureWebJobsStorage)',
      'database: yours (DATABASE_URL)',
    ]),
  );
  for (const value of Object.values(own)) expect(second.output).not.toContain(value);
  expect(second.output).not.toMatch(/AccountKey|local-app/);
  second.child.kill('SIGINT');
  expect(await second.ended).toBe(0);
  expect(second.lines.at(-1)).toMatch(
    /^stopped: .*Your Redis \(REDIS_URL\), your storage \(AzureWebJobsStorage\) and your database \(DATABASE_URL\) keep /,
  );
});

test('two at once don’t disturb each other, and each leaves no process', async () => {
  const both = [startStack(), startStack()];
  for (const one of both) await one.until(UP);
  for (const one of both) await one.until(/flushWrites +\d+ ms {2}saved \d+ writes/);
  for (const one of both) {
    const processes = await descendants(one.pid);
    // Redis, Azurite, PGlite, the host and the guardian.
    expect(processes.length).toBeGreaterThanOrEqual(5);
    one.child.kill('SIGINT');
    expect(await one.ended).toBe(0);
    expect(one.lines.at(-1)).toMatch(/^stopped: nothing is left\. .*Redis, storage and database were in memory$/);
    await allGone(processes);
  }
});
