import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { type HostEvent, type TestHost, testFolder, writeFiles } from './host-app';
import { type HostDriver, localDriver, webJobsDriver } from './host-drivers';
import { describeWithDotnet } from './webjobs-host';

/**
 * What the local host promises to do as Microsoft's, shown on both: the WebJobs SDK is what the Functions host stands
 * on. Its timers here are of an older release than the Functions host's; a test that allows for that says so.
 */
let azurite: RunningAzurite;
let folder: Awaited<ReturnType<typeof testFolder>>;

beforeAll(async () => {
  [azurite, folder] = await Promise.all([startAzurite(), testFolder()]);
});
afterAll(() => Promise.all([azurite?.stop(), folder?.remove()]));

const QUEUES = { maxDequeueCount: 3, visibilityTimeout: '00:00:02', maxPollingInterval: '00:00:00.2' };
const NEXT_YEAR = new Date().getUTCFullYear() + 1;
const DAY_SECONDS = 24 * 60 * 60;

const encode = (text: string) => Buffer.from(text).toString('base64');
const ended = (name: string) => (event: HostEvent) => event.event === 'invocation' && event.function === name;
const faults = (host: TestHost) =>
  host.events.filter(({ level }) => level === 'error' || level === 'warning').map((event) => event.message ?? '');

function contract(name: 'local' | 'webjobs', make: (folder: string) => Promise<HostDriver>): void {
  let driver: HostDriver;
  const hosts: TestHost[] = [];
  let apps = 0;

  beforeAll(async () => {
    driver = await make(folder.path);
  }, 300_000);
  afterEach(() => Promise.all(hosts.splice(0).map((host) => host.process.kill())));

  /** Both hosts share one storage account: queues and timers have names of their own. */
  const own = (text: string) => `${name}-${text}`;
  const queueNamed = (text: string) =>
    QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(own(text));

  async function queueOf(text: string, ...messages: string[]): Promise<QueueClient> {
    const queue = queueNamed(text);
    await queue.createIfNotExists();
    for (const message of messages) await queue.sendMessage(message);
    return queue;
  }

  /** Resolves with the messages once there are so many. */
  async function peeked(queue: QueueClient, count: number) {
    for (;;) {
      const there = await queue.exists();
      const items = there ? (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems : [];
      if (items.length >= count) return items;
      await sleep(50);
    }
  }

  async function drained(queue: QueueClient): Promise<void> {
    while ((await queue.getProperties()).approximateMessagesCount) await sleep(50);
  }

  /** Runs an app under the host; `queue(name, handler)` in it listens to this host's queue of that name. */
  async function start(
    code: string,
    options: { queues?: object; env?: Record<string, string>; drainSeconds?: number } = {},
  ): Promise<TestHost> {
    apps += 1;
    const dir = join(folder.path, `${name}-${apps}`);
    await writeFiles(dir, {
      'package.json': { main: 'main.js' },
      'host.json': { version: '2.0', extensions: { queues: { ...QUEUES, ...options.queues } } },
      'main.js': `const { app } = require('@azure/functions');
        const say = (context, value) => context.log(JSON.stringify(value));
        const queue = (name, handler, queueName = '${name}-' + name) =>
          app.storageQueue(name, { queueName, connection: 'AzureWebJobsStorage', handler });
        ${code}`,
    });
    const env = { AzureWebJobsStorage: azurite.connectionString, ...options.env };
    const host = await driver.start(dir, env, options);
    hosts.push(host);
    await host.address();
    return host;
  }

  async function logged<T>(host: TestHost, fn: string, count: number): Promise<T[]> {
    await host.until(() => host.logs(fn).length >= count);
    return host.logs(fn) as T[];
  }

  async function runByHand(host: TestHost, fn: string, input: string): Promise<void> {
    const answer = await fetch(`${await host.address()}/admin/functions/${fn}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
    });
    expect(answer.status).toBe(202);
  }

  describe('names', () => {
    test('%NAME% is the app setting of that name in any case, whole or in parts, and queue names are lower case', async () => {
      await queueOf('whole', encode('x'));
      await queueOf('parts', encode('x'));
      await queueOf('upper', encode('x'));
      const host = await start(
        `queue('whole', () => {}, '%WHOLE%');
         queue('parts', () => {}, '%host%-pa%Middle%s%EMPTY%');
         queue('upper', () => {}, '${own('UPPER')}');
         app.timer('often', { schedule: '%SECONDS% * * * * *', handler() {} });`,
        { env: { WHOLE: own('whole'), HOST: name, MIDDLE: 'rt', EMPTY: '', SECONDS: '*' } },
      );
      for (const fn of ['whole', 'parts', 'upper', 'often']) expect((await host.until(ended(fn))).ok).toBe(true);
    });

    test('a function whose trigger cannot be read is disabled and named, and the others run', async () => {
      await queueOf('well', encode('x'));
      const host = await start(
        `queue('well', () => {});
         queue('missing', () => {}, '${own('%NOWHERE%')}');
         queue('unclosed', () => {}, '${own('%NOWHERE')}');
         queue('empty', () => {}, '%EMPTY%');
         queue('wrong', () => {}, 'a_b');
         app.storageQueue('unconnected', { queueName: 'abc', connection: 'NOT_THERE', handler() {} });
         app.timer('unscheduled', { schedule: '%NOWHERE%', handler() {} });
         app.timer('misread', { schedule: '61 * * * * *', handler() {} });`,
        { env: { EMPTY: '' } },
      );
      expect((await host.until(ended('well'))).ok).toBe(true);
      const said = faults(host);
      const about = (fn: string) => said.filter((message) => message.includes(`'${fn}'`)).join('\n');
      for (const fn of ['missing', 'unclosed', 'empty', 'wrong', 'unconnected', 'unscheduled', 'misread']) {
        expect(about(fn)).toContain(`Function '${fn}' failed indexing and will be disabled`);
      }
      expect(about('missing')).toContain(`'%NOWHERE%' does not resolve to a value`);
      expect(about('unscheduled')).toContain(`'%NOWHERE%' does not resolve to a value`);
      expect(about('unclosed')).toContain(`does not have a closing '%'`);
      expect(about('unconnected')).toMatch(/NOT_THERE' does not exist/);
      expect(said.join('\n')).not.toContain(`'well'`);
      expect(host.process.running).toBe(true);
    });
  });

  describe('messages', () => {
    const BODIES = [
      ['plain text', 'plain text'],
      ['123', 123],
      ['-1.5', -1.5],
      ['"quoted"', 'quoted'],
      ['true', true],
      ['null', null],
      ['{"a":{"b":[1]}}', { a: { b: [1] } }],
      ['[1,"2"]', [1, '2']],
      ['{broken', '{broken'],
      [' 7 ', 7],
      ['a\nb', 'a\nb'],
      ['\ufeff1', '\ufeff1'],
      ['ünïcödé 漢字 \u{1f642}', 'ünïcödé 漢字 \u{1f642}'],
      ['2026-11-28T10:00:00Z', '2026-11-28T10:00:00Z'],
      ['x'.repeat(40_000), 'x'.repeat(40_000)],
    ] as const;

    test('a body arrives parsed if it is JSON, else as the text it is, and is deleted', async () => {
      const queue = await queueOf('bodies', ...BODIES.map(([text]) => encode(text)));
      const host = await start(`queue('bodies', (message, context) => say(context, { message }));`);
      const got = await logged<{ message: unknown }>(host, 'bodies', BODIES.length);
      const sorted = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).sort();
      expect(sorted(got.map(({ message }) => message))).toEqual(sorted(BODIES.map(([, value]) => value)));
      await drained(queue);
    });

    test('messageEncoding none takes a message as it lies in the queue', async () => {
      const queue = await queueOf('raw', 'eyJhIjoxfQ==', '{"a":1}');
      const host = await start(`queue('raw', (message, context) => say(context, { message }));`, {
        queues: { messageEncoding: 'none' },
      });
      const got = await logged<{ message: unknown }>(host, 'raw', 2);
      expect(got.map(({ message }) => message)).toEqual(expect.arrayContaining(['eyJhIjoxfQ==', { a: 1 }]));
      await drained(queue);
    });

    test('metadata are the message’s own, with no more beside them; it stays hidden for ten minutes while it runs', async () => {
      const queue = await queueOf('metadata', encode('{"n":1}'));
      const host = await start(`queue('metadata', (message, context) => say(context, context.triggerMetadata));`);
      const [metadata] = (await logged<Record<string, unknown>>(host, 'metadata', 1)) as [Record<string, unknown>];
      // The Functions host puts the properties of an object beside these; the WebJobs SDK does it for .NET types only.
      delete metadata.n;
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
      expect(metadata).toEqual({
        queueTrigger: { n: 1 },
        dequeueCount: 1,
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        popReceipt: expect.any(String),
        insertionTime: time,
        expirationTime: time,
        nextVisibleTime: time,
      });
      const seconds = (key: string) => Date.parse(metadata[key] as string) / 1000;
      expect(seconds('expirationTime') - seconds('insertionTime')).toBe(7 * DAY_SECONDS);
      expect(seconds('nextVisibleTime') - seconds('insertionTime')).toBeGreaterThanOrEqual(600);
      await drained(queue);
    });

    test('a function run by hand is given the body without an id and with a dequeueCount of 0', async () => {
      await queueOf('hand');
      const host = await start(
        `queue('hand', (message, context) => say(context, { message, metadata: context.triggerMetadata }));`,
      );
      await runByHand(host, 'hand', '[1]');
      const [got] = await logged<{ message: unknown; metadata: object }>(host, 'hand', 1);
      // What a function is called with is among the metadata by the name of its binding, too.
      const binding = Object.keys(got?.metadata ?? {}).find((key) => /^queueTrigger[0-9a-f]{10}$/.test(key)) ?? 'none';
      const never = '9999-12-31T23:59:59.9999999+00:00';
      expect(got).toEqual({
        message: [1],
        metadata: {
          queueTrigger: [1],
          [binding]: [1],
          dequeueCount: 0,
          insertionTime: expect.stringMatching(/^\d{4}-.*\+00:00$/),
          expirationTime: never,
          nextVisibleTime: never,
        },
      });
    });
  });

  describe('failures', () => {
    test('a failed message is hidden for visibilityTimeout, tried maxDequeueCount times, and then poison for seven days', async () => {
      const body = encode('{"n":1}');
      const queue = await queueOf('failing', body);
      const host = await start(
        `queue('failing', (message, context) => {
           const { dequeueCount, id, popReceipt } = context.triggerMetadata;
           say(context, { dequeueCount, id, popReceipt, at: Date.now() });
           throw new Error('always');
         });`,
      );
      const [poison] = await peeked(queueNamed('failing-poison'), 1);
      expect(poison?.messageText).toBe(body);
      expect((poison!.expiresOn.getTime() - poison!.insertedOn.getTime()) / 1000).toBe(7 * DAY_SECONDS);
      const tries = await logged<{ dequeueCount: number; id: string; popReceipt: string; at: number }>(
        host,
        'failing',
        3,
      );
      expect(tries.map(({ dequeueCount }) => dequeueCount)).toEqual([1, 2, 3]);
      expect(new Set(tries.map(({ id }) => id)).size).toBe(1);
      expect(new Set(tries.map(({ popReceipt }) => popReceipt)).size).toBe(3);
      // Two seconds, of which the emulator may take off a part. Never sooner; how much later is the machine's.
      for (const [index, { at }] of tries.slice(1).entries()) expect(at - tries[index]!.at).toBeGreaterThan(1_000);
      await drained(queue);
      expect(host.events.filter(ended('failing')).map(({ ok, error }) => [ok, error])).toEqual(
        tries.map(() => [false, 'always']),
      );
    });

    test('a message that fails once and then succeeds is deleted', async () => {
      const queue = await queueOf('once', encode('x'));
      const host = await start(
        `queue('once', (message, context) => {
           say(context, context.triggerMetadata.dequeueCount);
           if (context.triggerMetadata.dequeueCount === 1) throw new Error('first');
         });`,
      );
      expect(await logged(host, 'once', 2)).toEqual([1, 2]);
      await drained(queue);
      expect(await queueNamed('once-poison').exists()).toBe(false);
    });

    test('a message whose tries are used up, and one that is not base64, are poison without being run', async () => {
      const queue = await queueOf('used', encode('used'));
      for (let tries = 0; tries < 3; tries += 1) {
        const { receivedMessageItems } = await queue.receiveMessages({ visibilityTimeout: 1 });
        const { messageId, popReceipt } = receivedMessageItems[0]!;
        await queue.updateMessage(messageId, popReceipt, undefined, 0);
      }
      await queue.sendMessage('no base64!');
      const host = await start(`queue('used', () => {});`);
      const poison = await peeked(queueNamed('used-poison'), 2);
      expect(poison.map((item) => item.messageText).sort()).toEqual([encode('used'), 'no base64!'].sort());
      await drained(queue);
      expect(host.events.filter(ended('used'))).toEqual([]);
    });

    test('base64 may have white space in it; what is not base64 is poison at once, what is not UTF-8 has failed', async () => {
      const read = ['YWJj', 'YWJj\n', 'YW Jj', 'YR=='];
      const poisonous = ['no base64!', 'YWJj!', 'YWI', 'YQ=', 'YQ==YQ==', '_-__'];
      const queue = await queueOf('strange', '/w==', ...read, ...poisonous);
      const host = await start(`queue('strange', (message, context) => say(context, message));`, {
        queues: { visibilityTimeout: '00:10:00' },
      });
      expect((await logged(host, 'strange', read.length)).sort()).toEqual(['a', 'abc', 'abc', 'abc']);
      const poison = await peeked(queueNamed('strange-poison'), poisonous.length);
      expect(poison.map((item) => item.messageText).sort()).toEqual(poisonous.sort());
      while ((await queue.getProperties()).approximateMessagesCount !== 1) await sleep(50);
      expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
      expect(host.logs('strange')).toHaveLength(read.length);
    });

    test('a queue that ends with -poison has no poison queue: a failed message stays hidden for the rest of its lease', async () => {
      const queue = await queueOf('own-poison', encode('x'));
      await queueOf('behind', encode('x'));
      const host = await start(
        `queue('bitter', () => { throw new Error('always'); }, '${own('own-poison')}');
         queue('behind', () => {});`,
      );
      expect((await host.until(ended('bitter'))).ok).toBe(false);
      await host.until(ended('behind'));
      // Longer than visibilityTimeout: by then a message that was released would have come back.
      await sleep(4_000);
      expect(host.events.filter(ended('bitter'))).toHaveLength(1);
      expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
      expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
      expect(await queueNamed('own-poison-poison').exists()).toBe(false);
    });

    test('at most batchSize + newBatchThreshold messages run at a time', async () => {
      const queue = await queueOf('many', ...Array.from({ length: 14 }, (_, n) => encode(`${n}`)));
      const host = await start(
        `let running = 0;
         queue('many', async (message, context) => {
           say(context, (running += 1));
           await new Promise((resolve) => setTimeout(resolve, 500));
           running -= 1;
         });`,
        { queues: { batchSize: 4, newBatchThreshold: 2 } },
      );
      const running = await logged<number>(host, 'many', 14);
      expect(Math.max(...running)).toBeLessThanOrEqual(6);
      expect(Math.max(...running)).toBeGreaterThanOrEqual(4);
      await drained(queue);
    });
  });

  describe('timers', () => {
    const status = (fn: string) =>
      BlobServiceClient.fromConnectionString(azurite.connectionString)
        .getContainerClient('azure-webjobs-hosts')
        .getBlockBlobClient(`timers/local/Host.Functions.${fn}/status`);

    async function read(fn: string): Promise<Record<string, string>> {
      const { readableStreamBody } = await status(fn).download();
      return JSON.parse(await text(readableStreamBody!));
    }

    async function write(fn: string, content: object): Promise<void> {
      await BlobServiceClient.fromConnectionString(azurite.connectionString)
        .getContainerClient('azure-webjobs-hosts')
        .createIfNotExists();
      const body = JSON.stringify(content);
      await status(fn).upload(body, Buffer.byteLength(body));
    }

    const timer = (fn: string, schedule: string, more = '') =>
      `app.timer('${fn}', { schedule: '${schedule}', ${more} handler: (timer, context) => say(context, timer) });`;
    const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?\+00:00$/);
    const yearly = '0 0 0 1 1 *';
    /** Functions are methods on the SDK. */
    const method = (text: string) => text.replace('-', '');
    type Three = [string, string, string];
    const next = `${NEXT_YEAR}-01-01T00:00:00+00:00`;

    test('the first start keeps the next occurrence and runs nothing; a frequent or unmonitored timer keeps nothing', async () => {
      const [first, frequent, unmonitored] = [own('First'), own('Frequent'), own('Unmonitored')].map(method) as Three;
      const host = await start(
        timer(first, yearly) + timer(frequent, '* * * * * *') + timer(unmonitored, yearly, 'useMonitor: false,'),
      );
      const [info] = await logged(host, frequent, 1);
      expect(info).toEqual({ schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false });
      while (!(await status(first).exists())) await sleep(50);
      const kept = await read(first);
      expect(kept).toEqual({ Last: '0001-01-01T00:00:00', Next: next, LastUpdated: iso });
      expect(Object.keys(kept)).toEqual(['Last', 'Next', 'LastUpdated']);
      expect(host.logs(first)).toEqual([]);
      expect(await status(frequent).exists()).toBe(false);
      expect(await status(unmonitored).exists()).toBe(false);

      await runByHand(host, first, '');
      await runByHand(host, unmonitored, '');
      expect(await logged(host, first, 1)).toEqual([
        {
          schedule: { adjustForDST: true },
          scheduleStatus: { last: kept.Last, next, lastUpdated: kept.LastUpdated },
          isPastDue: false,
        },
      ]);
      expect(await logged(host, unmonitored, 1)).toEqual([expect.objectContaining({ scheduleStatus: null })]);
      expect(await read(first)).toEqual(kept);
    });

    test('runOnStartup runs at once, not past due, and the run is kept', async () => {
      const fn = method(own('Startup'));
      const host = await start(timer(fn, yearly, 'runOnStartup: true,'));
      // Newer timers write the year 1 with an offset, those of this SDK without.
      const never = expect.stringMatching(/^0001-01-01T00:00:00(\+00:00)?$/);
      expect(await logged(host, fn, 1)).toEqual([
        {
          schedule: { adjustForDST: true },
          scheduleStatus: { last: never, next, lastUpdated: never },
          isPastDue: false,
        },
      ]);
      while ((await read(fn)).Last === '0001-01-01T00:00:00') await sleep(50);
      const kept = await read(fn);
      expect(kept).toEqual({ Last: iso, Next: next, LastUpdated: kept.Last });
    });

    test('occurrences missed in a downtime are one run that is past due, with the status kept before', async () => {
      const [missed, never, changed] = [own('Missed'), own('Never'), own('Changed')].map(method) as Three;
      const [last, due] = ['2020-01-01T00:00:00+00:00', '2021-01-01T00:00:00+00:00'];
      await write(missed, { Last: last, Next: due, LastUpdated: last });
      // It started once and was down before its first occurrence.
      const updated = '2020-06-01T00:00:00+00:00';
      await write(never, { Last: '0001-01-01T00:00:00+00:00', Next: due, LastUpdated: updated });
      // The schedule was another then.
      await write(changed, { Last: last, Next: '2020-01-01T01:00:00+00:00', LastUpdated: last });
      const host = await start(timer(missed, yearly) + timer(never, yearly) + timer(changed, yearly));
      const [info] = await logged(host, missed, 1);
      expect(info).toEqual({
        schedule: { adjustForDST: true },
        scheduleStatus: { last: iso, next: due, lastUpdated: iso },
        isPastDue: true,
      });
      expect(await logged(host, never, 1)).toEqual([expect.objectContaining({ isPastDue: true })]);
      for (const fn of [missed, never]) {
        while ((await read(fn)).Next !== next) await sleep(50);
        const kept = await read(fn);
        expect(kept).toEqual({ Last: iso, Next: next, LastUpdated: iso });
        expect(kept.Last).toBe(kept.LastUpdated);
      }
      while ((await read(changed)).Next !== next) await sleep(50);
      expect(host.logs(changed)).toEqual([]);
      expect([host.logs(missed).length, host.logs(never).length]).toEqual([1, 1]);
    });

    test('a failing run changes nothing, and a timer never runs over itself', async () => {
      const host = await start(
        `let running = 0;
         app.timer('slow', { schedule: '* * * * * *', async handler(timer, context) {
           say(context, (running += 1));
           await new Promise((resolve) => setTimeout(resolve, 1_500));
           running -= 1;
           throw new Error('always');
         } });`,
      );
      expect(await logged(host, 'slow', 3)).toEqual([1, 1, 1]);
      expect((await host.until(ended('slow'))).ok).toBe(false);
    });
  });

  describe('the end', () => {
    const terminate = `app.hook.appTerminate(() => { console.log(JSON.stringify({ event: 'log', message: 'closed beside ' + running })); });`;

    test('SIGTERM lets what is under way end, takes no more, then runs the appTerminate hooks, and exits with 0', async () => {
      const queue = await queueOf('draining', encode('1'), encode('2'));
      const host = await start(
        `let running = 0;
         ${terminate}
         queue('draining', async (message, context) => {
           running += 1;
           context.log('begun');
           await new Promise((resolve) => setTimeout(resolve, 1_000));
           running -= 1;
         });`,
        { queues: { batchSize: 1, newBatchThreshold: 0 } },
      );
      await host.until((event) => event.message === 'begun');
      expect(await host.process.stop(30_000)).toBe(0);
      const tail = host.events.filter((event) => event.event === 'invocation' || event.message?.startsWith('closed'));
      expect(tail.map((event) => event.ok ?? event.message)).toEqual([true, 'closed beside 0']);
      expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
    });

    test('work that outlasts the drain is cut: the hooks run beside it and its message stays hidden', async () => {
      const queue = await queueOf('cut', encode('x'));
      const host = await start(
        `let running = 0;
         ${terminate}
         queue('cut', async (message, context) => {
           running += 1;
           context.log('begun');
           await new Promise(() => setInterval(() => {}, 1_000));
         });`,
        { drainSeconds: 2 },
      );
      await host.until((event) => event.message === 'begun');
      expect(await host.process.stop(30_000)).toBe(1);
      expect(host.events.map((event) => event.message)).toContain('closed beside 1');
      expect(host.events.filter(ended('cut'))).toEqual([]);
      expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
      expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
    });
  });
}

describe('the contract on the local host', () => contract('local', localDriver));
describeWithDotnet('the contract on the WebJobs SDK', () => contract('webjobs', webJobsDriver));
