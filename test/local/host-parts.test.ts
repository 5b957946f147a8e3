import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLocalSettings, resolveSettings } from '../../local/host/app-settings';
import { Backoff } from '../../local/host/backoff';
import { parseTimeSpan } from '../../local/host/host-json';
import { isAllowed, takeKeys } from '../../local/host/keys';
import { messagesOf } from '../../local/host/outputs';
import { decodeMessage, queueInput, textOf } from '../../local/host/queue-data';
import { validQueueName } from '../../local/host/queue-listener';
import { parseRoute } from '../../local/host/routes';
import { resolveConnection, StorageAccounts } from '../../local/host/storage-account';
import { UnreachableError } from '../../local/host/storage-watch';

const fail = (message: string) => {
  throw new Error(message);
};

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

const settingsFile = async (content: string | object) => {
  const dir = await mkdtemp(join(tmpdir(), 'host-parts-'));
  folders.push(dir);
  await writeFile(join(dir, 'local.settings.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return dir;
};

describe('local.settings.json', () => {
  test('fills the environment; a setting that is there and not empty wins', async () => {
    const environment = { SET: 'environment', EMPTY: '' };
    const dir = await settingsFile({
      IsEncrypted: false,
      Values: { SET: 'file', EMPTY: 'file', NEW: 'file', NUMBER: 1, BOOLEAN: true, NOTHING: null, BLANK: '' },
      ConnectionStrings: { OTHER: 'file' },
    });
    await loadLocalSettings(dir, environment, fail);
    const [NEW, NUMBER, BOOLEAN, BLANK] = ['file', '1', 'True', ''];
    expect(environment).toEqual({ SET: 'environment', EMPTY: 'file', NEW, NUMBER, BOOLEAN, BLANK });
  });

  test.each([
    ['says that it is encrypted', { IsEncrypted: true, Values: { A: 'x' } }],
    ["doesn't say that it is not", { Values: { A: 'x' } }],
  ])('is refused if it %s', async (_, content) => {
    await expect(loadLocalSettings(await settingsFile(content), {}, fail)).rejects.toThrow('"IsEncrypted": false');
  });

  test('counts as none if it is no JSON, with one line', async () => {
    const warnings: string[] = [];
    const environment = {};
    await loadLocalSettings(await settingsFile('{'), environment, (message) => warnings.push(message));
    expect(environment).toEqual({});
    expect(warnings).toEqual([expect.stringContaining('local.settings.json is not read')]);
  });
});

test('%NAME% is replaced by the setting of that name in any case, which must be there', () => {
  expect(resolveSettings('a-%X%-%y%', { X: '1', Y: '2' })).toBe('a-1-2');
  expect(resolveSettings('a%X%', { X: '' })).toBe('a');
  expect(() => resolveSettings('%X%', {})).toThrow("'%X%' does not resolve to a value: set the app setting X");
  expect(() => resolveSettings('a%X', {})).toThrow("The '%' at position 1 of 'a%X' does not have a closing '%'");
});

test('a connection is AzureWebJobsX, else X; without a name it is the storage of the app', () => {
  const found = (value: string) => ({ connectionString: value });
  expect(resolveConnection('X', { AzureWebJobsX: 'a', X: 'b' })).toEqual(found('a'));
  expect(resolveConnection('X', { X: 'b' })).toEqual(found('b'));
  expect(resolveConnection('AzureWebJobsStorage', { AzureWebJobsStorage: 'c' })).toEqual(found('c'));
  expect(resolveConnection(undefined, { AzureWebJobsStorage: 'c' })).toEqual(found('c'));
  expect(() => resolveConnection('X', {})).toThrow("Storage account connection 'X' does not exist");
});

test.each([
  [
    {},
    "Storage account connection 'AzureWebJobsStorage' does not exist: set AzureWebJobsStorage to a connection string, or AzureWebJobsStorage__accountName for an identity",
  ],
  [
    { AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Yg==' },
    'Invalid EndpointSuffix in the provided Connection String: correct AzureWebJobsStorage',
  ],
])(
  'an account that can’t be used (%p) is logged once, by its setting, however many listeners try it',
  async (env, fault) => {
    const logged: string[] = [];
    const accounts = new StorageAccounts(env, (message) => logged.push(message));
    for (let listener = 0; listener < 6; listener += 1) {
      await expect(accounts.blobs()).rejects.toThrow(UnreachableError);
      await expect(accounts.queues(undefined)).rejects.toThrow(UnreachableError);
    }
    expect(logged).toEqual([`${fault}. Timers and queues that need it don't run`]);
  },
);

test('a connection by identity has its endpoints, or those that its account name makes', () => {
  expect(
    resolveConnection(undefined, {
      AzureWebJobsStorage__queueServiceUri: 'https://q.example',
      AzureWebJobsStorage__blobServiceUri: 'https://b.example',
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__clientId: 'id',
    }),
  ).toEqual({
    endpoints: { blob: 'https://b.example', queue: 'https://q.example' },
    identity: { managed: true, clientId: 'id' },
  });
  expect(resolveConnection('X', { X__accountName: 'account' })).toEqual({
    endpoints: { blob: 'https://account.blob.core.windows.net', queue: 'https://account.queue.core.windows.net' },
    identity: { managed: false, clientId: undefined },
  });
});

test.each([
  ['anonymous', 'none', true],
  ['anonymous', 'wrong', true],
  ['function', 'none', false],
  ['function', 'wrong', false],
  ['function', 'function', true],
  ['function', 'master', true],
  ['admin', 'none', false],
  ['admin', 'function', false],
  ['admin', 'master', true],
] as const)('what asks for the level %s may be called with the key %s: %p', (level, key, allowed) => {
  const keys = { master: 'key-master', function: 'key-function' };
  const url = (query: string) => new URL(`http://127.0.0.1/api/f${query}`);
  expect(isAllowed(level, keys, key === 'none' ? {} : { 'x-functions-key': `key-${key}` }, url(''))).toBe(allowed);
  expect(isAllowed(level, keys, {}, url(key === 'none' ? '' : `?code=key-${key}`))).toBe(allowed);
});

test('the header of a key goes before the query', () => {
  const keys = { master: 'm', function: 'f' };
  const url = new URL('http://127.0.0.1/api/f?code=f');
  expect(isAllowed('function', keys, { 'x-functions-key': 'wrong' }, url)).toBe(false);
});

test('the keys are taken out of the environment, and both must be there', () => {
  const environment: Record<string, string> = { LOCAL_HOST_MASTER_KEY: 'm', LOCAL_HOST_FUNCTION_KEY: 'f', OTHER: 'o' };
  expect(takeKeys(environment)).toEqual({ master: 'm', function: 'f' });
  expect(environment).toEqual({ OTHER: 'o' });
  expect(() => takeKeys(environment)).toThrow('--enable-auth needs LOCAL_HOST_MASTER_KEY');
});

test.each([
  ['Write-Behind', 'write-behind'],
  ['abc', 'abc'],
])('the queue name %s is %s', (given, name) => {
  expect(validQueueName(given)).toBe(name);
});

test.each(['', 'ab', 'a--b', '-ab', 'ab-', 'a_b', 'a'.repeat(64)])('the queue name %p is refused', (given) => {
  expect(() => validQueueName(given)).toThrow('Expected a queue name');
});

test('the pause after nothing doubles by chance, within its bounds, and is short again after a success', () => {
  const backoff = new Backoff(100, 2_000, () => 0.5);
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.next(false))).toEqual([200, 300, 500, 900, 1_700, 2_000]);
  expect(backoff.next(true)).toBe(100);
  expect(backoff.next(false)).toBe(200);
});

test.each([
  ['00:00:30', 30_000],
  ['1.02:03:04', 93_784_000],
  ['00:00:00.5', 500],
  ['-1', Number.POSITIVE_INFINITY],
])('the time span %s is %d ms', (text, ms) => {
  expect(parseTimeSpan(text)).toBe(ms);
});

test.each([
  ['an array, one message an element', { json: '[{"a":1},"b"]' }, ['{"a":1}', 'b']],
  ['a string that is an array', { string: '[1,2]' }, ['1', '2']],
  ['a plain string', { string: 'hello' }, ['hello']],
  ['an object', { json: '{"a":1}' }, ['{"a":1}']],
  ['a number', { int: 5 }, ['5']],
  ['bytes', { bytes: Buffer.from('b') }, ['b']],
  ['nothing', {}, []],
])('queue output of %s', (_, data, messages) => {
  expect(messagesOf(data)).toEqual(messages);
});

test.each([
  ['the base64 of a text', 'w6Q=', 'base64', 'ä'],
  ['base64 with white space in it', 'w6\r\n Q=', 'base64', 'ä'],
  ['a text as it is', 'as it is', 'none', 'as it is'],
  ['a byte order mark and a text', '77u/MQ==', 'base64', '\ufeff1'],
] as const)('a body can be %s', (_, text, encoding, body) => {
  expect(textOf(decodeMessage(text, encoding)!)).toBe(body);
});

test('a body that is not base64 has no bytes, one that is not UTF-8 no text', () => {
  for (const text of ['not base64!', 'w6Q', 'w6Q=w6Q=', '_-__']) {
    expect(decodeMessage(text, 'base64')).toBeUndefined();
  }
  expect(() => textOf(decodeMessage('//4=', 'base64')!)).toThrow('not valid for encoding utf-8');
});

test('the metadata of a queue message have the types of the real host', () => {
  const when = new Date('2026-11-23T10:00:00Z');
  const { inputData, triggerMetadata } = queueInput('q', {
    body: 'text',
    dequeueCount: 2,
    messageId: 'm',
    popReceipt: 'p',
    insertedOn: when,
    expiresOn: when,
    nextVisibleOn: when,
  });
  expect(inputData).toEqual([{ name: 'q', data: { string: 'text' } }]);
  const json = '"2026-11-23T10:00:00+00:00"';
  expect(triggerMetadata).toEqual({
    QueueTrigger: { string: 'text' },
    DequeueCount: { json: '2' },
    Id: { string: 'm' },
    PopReceipt: { string: 'p' },
    InsertionTime: { json },
    ExpirationTime: { json },
    NextVisibleTime: { json },
  });
});

test('top-level properties of an object shadow the metadata, whatever their case; arrays are left out', () => {
  const body = JSON.stringify({ id: 'mine', dequeuecount: 99, other: { a: 1 }, list: [1] });
  const { triggerMetadata } = queueInput('q', { body, dequeueCount: 1, messageId: 'm', popReceipt: 'p' });
  expect(triggerMetadata).toMatchObject({
    Id: { json: '"mine"' },
    DequeueCount: { json: '99' },
    other: { json: '{"a":1}' },
  });
  expect(triggerMetadata).not.toHaveProperty('list');
  expect(triggerMetadata).not.toHaveProperty('id');
});

test.each([
  ['api/health', '/api/health', {}],
  ['api/health', '/api/health/', {}],
  ['api/health', '/API/Health', {}],
  ['api/health', '/api/health/x', undefined],
  ['api/a/{b}', '/api/a/x%20y', { b: 'x y' }],
  ['api/a/{b}', '/api/a', undefined],
  ['api/a/{b?}', '/api/a', {}],
  ['api/a/{b:int}', '/api/a/12', { b: '12' }],
  ['api/a/{b:int}', '/api/a/x', undefined],
  ['{*rest}', '/any/thing', { rest: 'any/thing' }],
  ['a.b', '/axb', undefined],
])('route %s on %s gives %p', (template, path, params) => {
  expect(parseRoute(template).match(path)).toEqual(params);
});
