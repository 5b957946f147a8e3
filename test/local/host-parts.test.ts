import { resolveConnection, resolveSettings } from '../../local/host/app-settings';
import { Backoff } from '../../local/host/backoff';
import { parseTimeSpan } from '../../local/host/host-json';
import { messagesOf } from '../../local/host/outputs';
import { decodeMessage, queueInput } from '../../local/host/queue-data';
import { parseRoute } from '../../local/host/routes';

test('%NAME% is replaced by the setting, which must be there', () => {
  expect(resolveSettings('a-%X%-%Y%', { X: '1', Y: '2' })).toBe('a-1-2');
  expect(() => resolveSettings('%X%', { X: '' })).toThrow('Expected the setting X for %X%, found none');
});

test('a connection is AzureWebJobsX, else X; without a name it is the storage of the app', () => {
  expect(resolveConnection('X', { AzureWebJobsX: 'a', X: 'b' })).toBe('a');
  expect(resolveConnection('X', { X: 'b' })).toBe('b');
  expect(resolveConnection('AzureWebJobsStorage', { AzureWebJobsStorage: 'c' })).toBe('c');
  expect(resolveConnection(undefined, { AzureWebJobsStorage: 'c' })).toBe('c');
  expect(() => resolveConnection('X', {})).toThrow('Expected the setting X');
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

test('a body is the base64 of UTF-8, or cannot be read', () => {
  expect(decodeMessage(Buffer.from('ä').toString('base64'), 'base64')).toBe('ä');
  expect(decodeMessage('not base64!', 'base64')).toBeUndefined();
  expect(decodeMessage(Buffer.from([0xff, 0xfe]).toString('base64'), 'base64')).toBeUndefined();
  expect(decodeMessage('as it is', 'none')).toBe('as it is');
});

test('the metadata of a queue message have the types of the real host', () => {
  const when = new Date('2026-11-23T10:00:00Z');
  const { inputData, triggerMetadata } = queueInput('f', 'q', {
    body: 'text',
    dequeueCount: 2,
    messageId: 'm',
    popReceipt: 'p',
    insertedOn: when,
    expiresOn: when,
    nextVisibleOn: when,
  });
  expect(inputData).toEqual([{ name: 'q', data: { string: 'text' } }]);
  const json = JSON.stringify(when);
  expect(triggerMetadata).toEqual({
    QueueTrigger: { string: 'text' },
    DequeueCount: { json: '2' },
    Id: { string: 'm' },
    PopReceipt: { string: 'p' },
    InsertionTime: { json },
    ExpirationTime: { json },
    NextVisibleTime: { json },
    sys: { json: expect.stringContaining('"MethodName":"f"') },
  });
});

test('top-level properties of an object shadow the metadata, whatever their case; arrays are left out', () => {
  const body = JSON.stringify({ id: 'mine', dequeuecount: 99, other: { a: 1 }, list: [1] });
  const { triggerMetadata } = queueInput('f', 'q', { body, dequeueCount: 1, messageId: 'm', popReceipt: 'p' });
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
