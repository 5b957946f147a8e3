import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyOf, type GroupMessage } from '../../src/alerting/notify/alert-message';
import { createWebhook, isPrivateAddress } from '../../src/alerting/notify/receivers';
import { T0 } from '../monitoring/support';

const message: GroupMessage = {
  version: '4',
  groupKey: 'abc',
  deliveryId: 'd1',
  status: 'firing',
  receiver: 'webhook',
  groupLabels: { alert: 'MemoryHigh', cache: 'redis' },
  truncatedAlerts: 3,
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'MemoryHigh', severity: 'warning' },
      annotations: { summary: 'Node <a&b> is full.', runbook_url: 'docs/runbooks/memory-high.md' },
      startsAt: new Date(T0).toISOString(),
      fingerprint: 'f1',
    },
  ],
};

let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const received: { headers: IncomingMessage['headers']; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received.length = 0;
  answer = (_, response) => response.end();
});

const webhook = (over = {}) =>
  createWebhook({ url, format: 'json', secret: 's3cret', allowPrivate: true, clock: { now: () => T0 }, ...over });

test('a post is signed over its time and its body, and bears its delivery id', async () => {
  await webhook().deliver(message);
  const [post] = received;
  expect(JSON.parse(post?.body ?? '')).toEqual(message);
  expect(post?.headers['x-steward-delivery']).toBe('d1');
  const mac = createHmac('sha256', 's3cret')
    .update(`${T0 / 1_000}.${post?.body}`)
    .digest('hex');
  expect(post?.headers['x-steward-signature']).toBe(`t=${T0 / 1_000},v1=${mac}`);
});

test.each([500, 404, 302])('an answer of %i is a failure, and a redirect is not followed', async (status) => {
  answer = (_, response) => response.writeHead(status, { location: url }).end();
  await expect(webhook().deliver(message)).rejects.toMatchObject({
    code: 'E_ALERT_WEBHOOK',
    message: expect.stringContaining(String(status)),
  });
  expect(received).toHaveLength(1);
});

test('a receiver that hangs is given up', async () => {
  answer = () => {};
  await expect(webhook({ timeoutMs: 100 }).deliver(message)).rejects.toThrow('did not answer within 100 ms');
});

test('an answer whose body never ends is given up too', async () => {
  answer = (_, response) => void response.write('a');
  await expect(webhook({ timeoutMs: 100 }).deliver(message)).rejects.toMatchObject({ code: 'E_ALERT_WEBHOOK' });
});

test.each([
  undefined,
  'http://localhost:1/',
  'http://[::1]:1/',
  'http://169.254.169.254/metadata',
  'http://[::ffff:10.0.0.1]/',
])('a private address is refused unless it is allowed: %s', async (given) => {
  const refused = webhook({ url: given ?? url, allowPrivate: false }).deliver(message);
  await expect(refused).rejects.toMatchObject({ code: 'E_ALERT_PRIVATE_ADDRESS' });
  expect(received).toHaveLength(0);
});

test.each([
  ['10.1.2.3', true],
  ['172.32.0.1', false],
  ['8.8.8.8', false],
  ['100.64.1.1', true],
  ['::1', true],
  ['fd00::1', true],
  ['2606:4700::1', false],
  ['::ffff:192.168.1.1', true],
  ['::ffff:8.8.8.8', false],
  ['not an address', true],
])('%s: private is %s', (address, expected) => {
  expect(isPrivateAddress(address)).toBe(expected);
});

test('an address that is no URL is a failure that does not repeat it', async () => {
  await expect(webhook({ url: 'secret nonsense' }).deliver(message)).rejects.toThrow(
    /^Expected ALERT_WEBHOOK_URL to be an http/,
  );
});

test('Slack gets blocks with its control characters escaped, Teams an Adaptive Card', () => {
  const slack = JSON.parse(bodyOf(message, 'slack'));
  expect(slack.text).toBe('FIRING: MemoryHigh (redis)');
  expect(slack.blocks[1].text.text).toBe('firing · warning · Node &lt;a&amp;b&gt; is full.\nand 3 more');
  const teams = JSON.parse(bodyOf(message, 'teams'));
  expect(teams.attachments[0].content.type).toBe('AdaptiveCard');
  expect(teams.attachments[0].content.body[0].text).toBe('FIRING: MemoryHigh (redis)');
});
