import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { freePort } from '../../local/servers/ports';
import { bundle, TestHost, testFolder, writeFiles } from './host-app';

let azurite: RunningAzurite;
let folder: Awaited<ReturnType<typeof testFolder>>;
let script: string;
const hosts: TestHost[] = [];

beforeAll(async () => {
  folder = await testFolder();
  script = join(folder.path, 'host.cjs');
  [azurite] = await Promise.all([startAzurite(), bundle({ file: 'local/host.ts' }, script)]);
});

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.process.kill()));
});

afterAll(async () => {
  await Promise.all([azurite?.stop(), folder?.remove()]);
});

const QUEUES = {
  batchSize: 4,
  newBatchThreshold: 2,
  maxDequeueCount: 3,
  visibilityTimeout: '00:00:00',
  maxPollingInterval: '00:00:00.1',
};
let apps = 0;

/** Writes an app of one CommonJS file and runs it. */
async function start(
  code: string,
  {
    files = {},
    queues = QUEUES,
    env = {},
    args = [],
  }: {
    files?: Record<string, string | object>;
    queues?: object;
    env?: Record<string, string>;
    args?: string[];
  } = {},
): Promise<TestHost> {
  apps += 1;
  const dir = join(folder.path, `app-${apps}`);
  await writeFiles(dir, {
    'package.json': { main: 'main.js' },
    'host.json': { version: '2.0', extensions: { queues, http: { routePrefix: 'things' } } },
    'main.js': `const { app, output } = require('@azure/functions');\n${code}`,
    ...files,
  });
  const host = new TestHost(script, dir, { AzureWebJobsStorage: azurite.connectionString, ...env }, args);
  hosts.push(host);
  return host;
}

const statusOf = async (address: string, name?: string) =>
  (await fetch(`${address}/admin/${name === undefined ? 'host' : `functions/${name}`}/status`)).json();
const queueService = () => QueueServiceClient.fromConnectionString(azurite.connectionString);
const encode = (body: unknown) =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)).toString('base64');
const ended = (name: string) => (event: { event?: string; function?: string }) =>
  event.event === 'invocation' && event.function === name;

async function queueOf(name: string, ...bodies: string[]) {
  const queue = queueService().getQueueClient(name);
  await queue.createIfNotExists();
  for (const body of bodies) await queue.sendMessage(body);
  return queue;
}

async function drained(queue: { getProperties(): Promise<{ approximateMessagesCount?: number }> }): Promise<void> {
  while ((await queue.getProperties()).approximateMessagesCount) await sleep(20);
}

describe('loading', () => {
  test('main is a glob whose files load one after the other, ES modules among them, those in braces in their order', async () => {
    const hello = (name: string) =>
      `app.http(process.order = [process.order, '${name}'].flat().join(''), { handler() {} })`;
    const host = await start('', {
      files: {
        'package.json': { main: '{z.js,functions/*.js,m.mjs,c.cjs}' },
        'z.js': `const { app } = require('@azure/functions'); ${hello('z')}`,
        'functions/b.js': `const { app } = require('@azure/functions'); ${hello('b')}`,
        'functions/a.js': `const { app } = require('@azure/functions'); ${hello('a')}`,
        'm.mjs': `import { app } from '@azure/functions'; await 0; ${hello('m')}`,
        'c.cjs': `const { app } = require('@azure/functions'); ${hello('c')}`,
      },
    });
    const { functions } = await host.until((event) => event.listening !== undefined);
    expect(functions?.map(({ name }) => name)).toEqual(['z', 'za', 'zab', 'zabm', 'zabmc']);
  });

  test.each([
    [
      'an entry point that throws',
      `app.http('a', { handler() {} }); throw new Error('broken entry')`,
      {},
      'broken entry',
    ],
    ['no file behind main', '', { 'package.json': { main: 'no/*.js' } }, 'Found zero files'],
    [
      'two functions of one name',
      `app.http('a', { handler() {} }); app.http('a', { handler() {} });`,
      {},
      'already registered',
    ],
  ])('%s leaves the host running without functions, with one line', async (_, code, files, message) => {
    const host = await start(code, { files });
    const address = await host.address();
    expect((await host.until((event) => event.listening !== undefined)).functions).toEqual([]);
    const lines = host.events.filter(({ level }) => level === 'error').map((event) => event.message);
    expect(lines).toEqual([expect.stringContaining(message)]);
    expect(lines[0]).toMatch(/^Worker was unable to load entry point ".+": .+ every route answers 404$/);
    expect(await statusOf(address)).toMatchObject({ state: 'Running' });
    expect((await fetch(`${address}/things/a`)).status).toBe(404);
    expect(await host.process.stop(20_000)).toBe(0);
  });

  const connection = `connection: 'AzureWebJobsStorage'`;
  test.each([
    ['a setting that is not there', `app.timer('t', { schedule: '%NOWHERE%', handler() {} })`, "'%NOWHERE%' does not"],
    [
      'the setting of a queue that is not there',
      `app.storageQueue('t', { queueName: 'a-%NOWHERE%', ${connection}, handler() {} })`,
      "'%NOWHERE%' does not resolve",
    ],
    [
      'a wrong schedule',
      `app.timer('t', { schedule: '61 * * * * *', handler() {} })`,
      'field 1, the second, to be 0 to 59, or lists, ranges or steps of these, got "61"',
    ],
    ['a wrong queue name', `app.storageQueue('t', { queueName: 'a_b', ${connection}, handler() {} })`, 'got "a_b"'],
    [
      'no connection',
      `app.storageQueue('t', { queueName: 'abc', connection: 'X', handler() {} })`,
      "connection 'X' does",
    ],
  ])('%s disables that function with one line, and the others run', async (_, code, message) => {
    const host = await start(`${code}; app.http('other', { handler: () => ({ body: 'well' }) });`);
    const address = await host.address();
    expect((await host.until((event) => event.listening !== undefined)).functions).toEqual([
      { name: 'other', trigger: 'httpTrigger' },
    ]);
    const lines = host.events.filter(({ level }) => level === 'error').map((event) => event.message);
    expect(lines).toEqual([expect.stringContaining(message)]);
    expect(lines[0]).toMatch(/^Function 't' failed indexing and will be disabled: /);
    expect(await (await fetch(`${address}/things/other`)).text()).toBe('well');
    expect(await statusOf(address)).toMatchObject({ state: 'Running' });
    expect(await statusOf(address, 't')).toEqual({ errors: [expect.stringContaining(message)] });
    expect(await statusOf(address, 'other')).toEqual({});
    expect((await fetch(`${address}/admin/functions/none/status`)).status).toBe(404);
    expect((await fetch(`${address}/admin/functions/t`, { method: 'POST' })).status).toBe(404);
  });

  test('a trigger it does not know is refused, not left out', async () => {
    const host = await start(`app.storageBlob('b', { path: 'x', connection: 'X', handler() {} })`);
    expect(await host.process.exited).toBe(1);
    expect(host.other.join('\n')).toContain('b: this host knows no trigger "blobTrigger"');
  });

  test('a retry policy is refused, not ignored', async () => {
    const retry = `{ strategy: 'fixedDelay', delayInterval: 1000, maxRetryCount: 2 }`;
    const host = await start(`app.timer('t', { schedule: '0 0 * * * *', retry: ${retry}, handler() {} })`);
    expect(await host.process.exited).toBe(1);
    expect(host.other.join('\n')).toContain('t: this host knows no retry policies');
  });

  test('nothing can be registered once the app is loaded', async () => {
    const host = await start(`app.http('late', { handler() { app.http('later', { handler() {} }); } });`);
    const answer = await fetch(`${await host.address()}/things/late`);
    expect(answer.status).toBe(500);
    expect((await host.until(ended('late'))).error).toBe('A function can only be registered during app startup.');
  });

  test('local.settings.json fills the environment, what is set already wins', async () => {
    const host = await start(`app.http('env', { handler: () => ({ body: process.env.ONE + process.env.TWO }) });`, {
      files: { 'local.settings.json': { IsEncrypted: false, Values: { ONE: 'file', TWO: 'file' } } },
      env: { TWO: 'environment' },
    });
    expect(await (await fetch(`${await host.address()}/things/env`)).text()).toBe('fileenvironment');
  });

  test('an encrypted local.settings.json ends the start with one line', async () => {
    const host = await start(`app.http('f', { handler() {} });`, {
      files: { 'local.settings.json': { IsEncrypted: true, Values: { ONE: 'x' } } },
    });
    expect(await host.process.exited).toBe(1);
    expect(host.other.join('\n')).toContain('Expected "IsEncrypted": false in local.settings.json');
  });
});

describe('keys', () => {
  const env = { LOCAL_HOST_MASTER_KEY: 'the-master', LOCAL_HOST_FUNCTION_KEY: 'the-function' };
  const app = `
    for (const authLevel of ['anonymous', 'function', 'admin'])
      app.http(authLevel, { authLevel, handler: () => ({ body: String(process.env.LOCAL_HOST_MASTER_KEY) }) });`;

  test('with --enable-auth a function asks for the key of its level, and the admin endpoints for the master key', async () => {
    const host = await start(app, { env, args: ['--enable-auth'] });
    const address = await host.address();
    const status = async (path: string, key?: string) => {
      const answers = [await fetch(`${address}${path}`, { headers: key ? { 'x-functions-key': key } : {} })];
      if (key) answers.push(await fetch(`${address}${path}?code=${key}`));
      return [...new Set(answers.map((answer) => answer.status))];
    };
    const keys = [undefined, 'wrong', 'the-function', 'the-master'];
    const all = (path: string) => Promise.all(keys.map((key) => status(path, key)));
    expect(await all('/things/anonymous')).toEqual([[200], [200], [200], [200]]);
    expect(await all('/things/function')).toEqual([[401], [401], [200], [200]]);
    expect(await all('/things/admin')).toEqual([[401], [401], [401], [200]]);
    expect(await all('/admin/host/status')).toEqual([[401], [401], [401], [200]]);
    expect(await all('/things/nowhere')).toEqual([[404], [404], [404], [404]]);
    const refused = await fetch(`${address}/things/function`);
    expect(await refused.text()).toBe('');
    expect(await (await fetch(`${address}/things/anonymous`)).text()).toBe('undefined');
  });

  test('without --enable-auth every function and admin endpoint answers, as under func start', async () => {
    const address = await (await start(app)).address();
    expect((await fetch(`${address}/things/admin`)).status).toBe(200);
    expect(await statusOf(address)).toMatchObject({ id: 'local', state: 'Running' });
  });

  test('--enable-auth without its keys ends the start with one line', async () => {
    const host = await start(app, { args: ['--enable-auth'] });
    expect(await host.process.exited).toBe(1);
    expect(host.other).toEqual(['--enable-auth needs LOCAL_HOST_MASTER_KEY in the environment, found none']);
  });
});

describe('http', () => {
  const app = `
    app.http('echo', { route: 'echo/{a}/{b?}', methods: ['POST', 'GET'], async handler(request, context) {
      return { status: 201, headers: { 'x-seen': request.headers.get('x-given') ?? '' },
        cookies: [{ name: 'n', value: 'v', httpOnly: true, sameSite: 'Lax', path: '/' }],
        jsonBody: { method: request.method, url: request.url, params: request.params, query: Object.fromEntries(request.query),
          body: await request.text(), metadata: context.triggerMetadata ?? null } };
    } });
    app.http('nothing', { handler() {} });
    app.http('fails', { handler() { throw new Error('inside'); } });`;

  test('a function gets prefix, parameters, query, headers and a sized body, and its answer is sent', async () => {
    const address = await (await start(app)).address();
    const answer = await fetch(`${address}/things/echo/x%2Fy?q=1`, {
      method: 'POST',
      body: 'hello',
      headers: { 'X-Given': 'g' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('x-seen')).toBe('g');
    expect(answer.headers.get('set-cookie')).toBe('n=v; path=/; httponly; samesite=Lax');
    expect(await answer.json()).toEqual({
      method: 'POST',
      url: `${address}/things/echo/x%2Fy?q=1`,
      params: { a: 'x/y' },
      query: { q: '1' },
      body: 'hello',
      metadata: null,
    });
  });

  test('a chunked body arrives empty', async () => {
    const address = await (await start(app)).address();
    const text = await new Promise<string>((resolve, reject) => {
      const chunked = request(`${address}/things/echo/a`, { method: 'POST' }, async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        resolve(Buffer.concat(chunks).toString());
      });
      chunked.on('error', reject);
      chunked.write('he');
      chunked.end('llo');
    });
    expect(JSON.parse(text)).toMatchObject({ body: '' });
  });

  test('an unknown path or method is 404, a failure is an empty 500, no answer is 204', async () => {
    const host = await start(app);
    const address = await host.address();
    expect((await fetch(`${address}/echo/a`)).status).toBe(404);
    expect((await fetch(`${address}/things/echo/a`, { method: 'PUT' })).status).toBe(404);
    expect((await fetch(`${address}/things/nothing`)).status).toBe(204);
    const failed = await fetch(`${address}/things/fails`);
    expect([failed.status, await failed.text()]).toEqual([500, '']);
  });
});

describe('hooks', () => {
  test('they run in order, share their data, and may replace inputs, handler, result and error', async () => {
    const host = await start(
      `const said = [];
       app.hook.appStart((c) => { c.hookData.app = 1; said.push('start'); });
       app.hook.preInvocation((c) => { c.hookData.a = 1; said.push('pre'); c.inputs = [{ query: c.inputs[0].query, changed: true }]; });
       app.hook.preInvocation((c) => { said.push('pre2:' + c.hookData.a);
         const inner = c.functionHandler; c.functionHandler = (...args) => { said.push('wrapped'); return inner(...args); }; });
       app.hook.postInvocation((c) => { said.push('post:' + c.hookData.a + ':' + (c.error ? c.error.message : 'ok'));
         if (c.error?.message === 'forgiven') { c.error = null; c.result = { body: 'cleared' }; } });
       app.hook.appTerminate((c) => { console.log(JSON.stringify({ event: 'log', message: 'terminated ' + c.hookData.app })); });
       app.http('f', { handler(input) {
         const fail = input.query.get('fail'); if (fail) throw new Error(fail);
         return { jsonBody: { changed: input.changed, said } }; } });`,
    );
    const address = await host.address();
    expect(await (await fetch(`${address}/things/f`)).json()).toEqual({
      changed: true,
      said: ['start', 'pre', 'pre2:1', 'wrapped', 'post:1:ok'],
    });
    expect(await (await fetch(`${address}/things/f?fail=forgiven`)).text()).toBe('cleared');
    expect((await fetch(`${address}/things/f?fail=not`)).status).toBe(500);
    expect(await host.process.stop(20_000)).toBe(0);
    expect(host.events.map((event) => event.message)).toContain('terminated 1');
  });

  test('a hook that throws before the invocation fails it; log hooks may change a line', async () => {
    const host = await start(
      `app.hook.log((c) => { if (c.category === 'user') c.message = c.message.replace('secret', '***'); });
       app.hook.preInvocation((c) => { if (c.inputs[0].query.has('stop')) throw new Error('not today'); });
       app.http('f', { handler(_, context) { context.log('a secret'); return { body: 'ran' }; } });`,
    );
    const address = await host.address();
    expect((await fetch(`${address}/things/f?stop`)).status).toBe(500);
    expect((await fetch(`${address}/things/f`)).status).toBe(200);
    await host.until(() => host.logs('f').length > 0); // the answer may be here before the line is
    expect(host.logs('f')).toEqual(['a ***']);
  });
});

describe('queues', () => {
  test('a body arrives parsed, with its metadata; an object shadows them', async () => {
    await queueOf('typed', encode('123'), encode({ a: 1, id: 'mine' }), encode('plain text'));
    const host = await start(
      `app.storageQueue('typed', { queueName: '%NAME%', connection: 'AzureWebJobsStorage', handler(message, context) {
         const { id, dequeueCount, insertionTime, popReceipt } = context.triggerMetadata;
         context.log(JSON.stringify({ message, id, dequeueCount, times: typeof insertionTime + typeof popReceipt })); } });`,
      { env: { NAME: 'typed' } },
    );
    await host.until(() => host.logs('typed').length === 3);
    const seen = host.logs('typed') as { message: unknown; id: unknown }[];
    const times = 'stringstring';
    expect(seen).toContainEqual({ message: 123, id: expect.stringMatching(/-/), dequeueCount: 1, times });
    expect(seen).toContainEqual({ message: { a: 1, id: 'mine' }, id: 'mine', dequeueCount: 1, times });
    expect(seen).toContainEqual({ message: 'plain text', id: expect.stringMatching(/-/), dequeueCount: 1, times });
    await drained(queueService().getQueueClient('typed'));
  });

  test('a message that fails comes back until its tries are used up, then lies in the poison queue unchanged', async () => {
    const body = encode({ n: 1 });
    const queue = await queueOf('failing', body);
    const host = await start(
      `app.storageQueue('failing', { queueName: 'failing', connection: 'AzureWebJobsStorage', handler(message, context) {
         context.log(context.triggerMetadata.dequeueCount); throw new Error('always'); } });`,
    );
    const poison = queueService().getQueueClient('failing-poison');
    while (!(await poison.exists()) || (await poison.peekMessages()).peekedMessageItems.length === 0) await sleep(20);
    expect((await poison.peekMessages()).peekedMessageItems.map((item) => item.messageText)).toEqual([body]);
    await host.until(() => host.logs('failing').length === 3);
    expect(host.logs('failing')).toEqual([1, 2, 3]);
    await drained(queue);
  });

  test('what is not base64 goes to the poison queue without being run; a poison queue has none of its own', async () => {
    await queueOf('strange', 'no base64!');
    await queueOf('x-poison', encode('x'));
    const host = await start(
      `for (const queueName of ['strange', 'x-poison']) app.storageQueue(queueName, { queueName,
         connection: 'AzureWebJobsStorage', handler() { throw new Error('ran'); } });`,
    );
    const poison = queueService().getQueueClient('strange-poison');
    while (!(await poison.exists()) || (await poison.peekMessages()).peekedMessageItems.length === 0) await sleep(20);
    expect((await host.until(ended('x-poison'))).ok).toBe(false);
    expect(host.events.filter(ended('strange'))).toEqual([]);
    expect(await queueService().getQueueClient('x-poison-poison').exists()).toBe(false);
  });

  test('a handler that outlasts the lease keeps its message', async () => {
    const queue = await queueOf('slow', encode('x'));
    const host = await start(
      `app.storageQueue('slow', { queueName: 'slow', connection: 'AzureWebJobsStorage',
         async handler(_, context) { context.log('begun'); await new Promise((r) => setTimeout(r, 3500)); } });`,
      { args: ['--lease-seconds', '2'] },
    );
    expect((await host.until(ended('slow'))).ok).toBe(true);
    await drained(queue);
    expect(host.logs('slow')).toEqual(['begun']);
  });

  test('a message whose host was killed comes back when its lease is over', async () => {
    await queueOf('killed', encode('x'));
    const code = `app.storageQueue('killed', { queueName: 'killed', connection: 'AzureWebJobsStorage',
      async handler(_, context) { context.log(context.triggerMetadata.dequeueCount);
        if (context.triggerMetadata.dequeueCount === 1) await new Promise(() => setInterval(() => {}, 1000)); } });`;
    const first = await start(code, { args: ['--lease-seconds', '2'] });
    await first.until((event) => event.functionName === 'killed');
    await first.process.kill();
    const second = await start(code, { args: ['--lease-seconds', '2'] });
    expect((await second.until(ended('killed'))).ok).toBe(true);
    expect(second.logs('killed')).toEqual([2]);
  });

  test.each([
    ['batchSize 1 and threshold 0 run one at a time', { batchSize: 1, newBatchThreshold: 0 }],
    ['at most batchSize + newBatchThreshold run at a time', { batchSize: 4, newBatchThreshold: 2 }],
  ])('%s', async (_, limits) => {
    const { batchSize, newBatchThreshold } = limits;
    const most = batchSize + newBatchThreshold;
    const queue = await queueOf(`limit-${most}`, ...Array.from({ length: 14 }, (_unused, n) => encode(`${n}`)));
    const host = await start(
      `let running = 0; let open = false; const held = [];
       app.storageQueue('f', { queueName: 'limit-${most}', connection: 'AzureWebJobsStorage', async handler(_, context) {
         running += 1; context.log(running); if (!open) await new Promise((r) => held.push(r)); running -= 1; } });
       app.http('free', { handler(request) { for (const r of held.splice(0, Number(request.query.get('n')))) r(); return {}; } });
       app.http('open', { handler() { open = true; for (const r of held.splice(0)) r(); return {}; } });`,
      { queues: { ...QUEUES, ...limits } },
    );
    const address = await host.address();
    await host.until(() => host.logs('f').length === batchSize);
    await fetch(`${address}/things/free?n=${batchSize - newBatchThreshold}`);
    await host.until(() => host.logs('f').length === batchSize * 2);
    await fetch(`${address}/things/open`);
    await host.until(() => host.events.filter(ended('f')).length === 14);
    await drained(queue);
    expect(Math.max(...(host.logs('f') as number[]))).toBe(most);
  });

  test('a queue function run by hand is given the body without an id and with a dequeueCount of 0', async () => {
    await queueOf('by-hand');
    const host = await start(
      `app.storageQueue('f', { queueName: 'by-hand', connection: 'AzureWebJobsStorage', handler(message, context) {
         context.log(JSON.stringify({ message, metadata: context.triggerMetadata })); } });`,
    );
    const input = JSON.stringify({ input: '{"a":1}' });
    expect((await fetch(`${await host.address()}/admin/functions/f`, { method: 'POST', body: input })).status).toBe(
      202,
    );
    await host.until(ended('f'));
    expect(host.logs('f')).toEqual([
      { message: { a: 1 }, metadata: expect.objectContaining({ queueTrigger: { a: 1 }, dequeueCount: 0, a: 1 }) },
    ]);
    expect(Object.keys((host.logs('f') as [{ metadata: object }])[0].metadata)).not.toContain('id');
  });

  test('queue outputs are one message an element, written after the function has returned', async () => {
    const host = await start(
      `const extra = output.storageQueue({ queueName: 'out-extra', connection: 'AzureWebJobsStorage' });
       app.http('f', { extraOutputs: [extra], handler(_, context) { context.extraOutputs.set(extra, [{ a: 1 }, { b: 2 }]); return { status: 200 }; } });`,
    );
    expect((await fetch(`${await host.address()}/things/f`)).status).toBe(200);
    const { receivedMessageItems } = await queueService()
      .getQueueClient('out-extra')
      .receiveMessages({ numberOfMessages: 10 });
    expect(receivedMessageItems.map((item) => Buffer.from(item.messageText, 'base64').toString()).sort()).toEqual([
      '{"a":1}',
      '{"b":2}',
    ]);
  });

  test('the listener waits for a queue that is not there yet, and does not make it', async () => {
    const host = await start(
      `app.storageQueue('f', { queueName: 'later', connection: 'AzureWebJobsStorage', handler() {} });`,
    );
    await host.address();
    expect(await queueService().getQueueClient('later').exists()).toBe(false);
    await queueOf('later', encode('x'));
    expect((await host.until(ended('f'))).ok).toBe(true);
  });
});

describe('timers and the end', () => {
  test('a timer runs by its schedule and by hand; what it is given has the shape of the real host', async () => {
    const host = await start(
      `app.timer('often', { schedule: '%EACH%', handler(timer, context) { context.log(JSON.stringify(timer)); } });
       app.timer('seldom', { schedule: '0 0 0 1 1 *', handler(timer, context) { context.log(JSON.stringify(timer)); } });`,
      { env: { EACH: '* * * * * *' } },
    );
    const address = await host.address();
    await host.until(ended('often'));
    expect(host.logs('often')[0]).toEqual({ schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false });
    const fired = await fetch(`${address}/admin/functions/seldom`, { method: 'POST', body: '{"input":""}' });
    expect(fired.status).toBe(202);
    await host.until(ended('seldom'));
    expect(host.logs('seldom')[0]).toMatchObject({ isPastDue: false });
    expect((await fetch(`${address}/admin/functions/none`, { method: 'POST' })).status).toBe(404);
    expect(await (await fetch(`${address}/admin/functions`)).json()).toEqual([
      { name: 'often', trigger: 'timerTrigger' },
      { name: 'seldom', trigger: 'timerTrigger' },
    ]);
  });

  test('SIGTERM lets what is under way end, then the appTerminate hooks, and exits with 0', async () => {
    const queue = await queueOf('draining', encode('x'));
    const host = await start(
      `app.hook.appTerminate(() => { console.log(JSON.stringify({ event: 'log', message: 'closed' })); });
       app.storageQueue('f', { queueName: 'draining', connection: 'AzureWebJobsStorage',
         async handler(_, context) { context.log('begun'); await new Promise((r) => setTimeout(r, 500)); } });`,
    );
    await host.until((event) => event.message === 'begun');
    expect(await host.process.stop(20_000)).toBe(0);
    const tail = host.events.filter((event) => event.event === 'invocation' || event.message === 'closed');
    expect(tail.map((event) => event.ok ?? event.message)).toEqual([true, 'closed']);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(0);
  });

  test('work that outlasts the drain is cut: the hooks run beside it, its message stays hidden, and the exit code is 1', async () => {
    const queue = await queueOf('cut', encode('x'));
    const host = await start(
      `let running = 0;
       app.hook.appTerminate(() => { console.log(JSON.stringify({ event: 'log', message: 'closed beside ' + running })); });
       app.storageQueue('f', { queueName: 'cut', connection: 'AzureWebJobsStorage',
         async handler(_, context) { running += 1; context.log('begun'); await new Promise(() => setInterval(() => {}, 1e3)); } });`,
      { args: ['--drain-seconds', '1'] },
    );
    await host.until((event) => event.message === 'begun');
    expect(await host.process.stop(20_000)).toBe(1);
    expect(host.events.map((event) => event.message)).toContain('closed beside 1');
    expect(host.events.filter(({ level }) => level === 'warning').map((event) => event.message)).toEqual([
      'Still under way after 1 s: f. The process ends without waiting for it',
    ]);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
    expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
  });

  test('an appTerminate hook that never ends is cut after 5 s, one that fails is said; both exit with 1', async () => {
    const [endless, failing] = await Promise.all([
      start(
        `app.hook.appTerminate(() => new Promise(() => setInterval(() => {}, 1e3))); app.http('f', { handler() {} });`,
      ),
      start(`app.hook.appTerminate(() => { throw new Error('not closed'); }); app.http('f', { handler() {} });`),
    ]);
    await Promise.all([endless.address(), failing.address()]);
    expect(await Promise.all([endless.process.stop(30_000), failing.process.stop(30_000)])).toEqual([1, 1]);
    const said = ({ events }: TestHost) => events.map((event) => event.message);
    expect(said(endless)).toContain('The appTerminate hooks took longer than 5 s and are cut');
    expect(said(failing)).toContain('An appTerminate hook failed: not closed');
  });

  test('without storage the host runs, says once that it cannot be reached, and once that it answers again', async () => {
    await queueOf('outage-a', encode('x'));
    await queueOf('outage-b');
    const port = await freePort();
    const there = new URL(queueService().url).port;
    const host = await start(
      `for (const queueName of ['outage-a', 'outage-b'])
         app.storageQueue(queueName, { queueName, connection: 'AzureWebJobsStorage', handler() {} });
       app.timer('t', { schedule: '0 0 0 1 1 *', handler() {} });
       app.http('h', { handler: () => ({ body: 'well' }) });`,
      { env: { AzureWebJobsStorage: azurite.connectionString.replace(/:\d+\//g, `:${port}/`) } },
    );
    const address = await host.address();
    await host.until((event) => event.level === 'error');
    expect(await (await fetch(`${address}/things/h`)).text()).toBe('well');
    expect(await statusOf(address)).toMatchObject({ state: 'Running' });

    const proxy = createServer((socket) => {
      const upstream = connect(Number(there), '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
      for (const end of [socket, upstream]) end.on('error', () => socket.destroy());
    }).listen(port, '127.0.0.1');
    try {
      expect((await host.until(ended('outage-a'))).ok).toBe(true);
      const said = host.events.filter(({ message }) => message?.includes(`127.0.0.1:${port}`));
      expect(said.map(({ level, message }) => [level, message])).toEqual([
        [
          'error',
          expect.stringMatching(/^Storage at .+ can't be reached: .*ECONNREFUSED.* the host goes on trying\. /),
        ],
        ['information', `Storage at http://127.0.0.1:${port} answers again`],
      ]);
    } finally {
      await host.process.kill();
      proxy.close();
    }
  });

  test('an exception that nobody catches ends the host with 1', async () => {
    const host = await start(`app.http('f', { handler() { setImmediate(() => { throw new Error('stray'); }); } });`);
    await fetch(`${await host.address()}/things/f`).catch(() => {});
    expect(await host.process.exited).toBe(1);
    expect(host.events.some((event) => event.level === 'critical')).toBe(true);
  });
});
