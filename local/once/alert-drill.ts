import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RedisHandle } from '../../src/index';
import type { AlertEvidence } from './evidence';
import type { Jobs } from './jobs';
import type { Webhook } from './webhook';

/** The rule of `alert-rules.json`: it fires while this many connections bear this name. */
const RULE = 'OnceTestAlert';
const CONNECTION_NAME = 'once-test-alert';
const CONNECTIONS = 12;
const ARRIVES_MS = 30_000;

/** Makes the condition of the test alert come and go, and reports what the webhook received. */
export async function drillAlert(redis: RedisHandle, jobs: Jobs, webhook: Webhook): Promise<AlertEvidence> {
  const received = () => webhook.posts.flatMap(statesOf);
  const until = async (state: 'firing' | 'resolved') => {
    const end = Date.now() + ARRIVES_MS;
    while (received().at(-1) !== state && Date.now() < end) {
      // Each tick posts pending notifications again, and a sample is no older than the rule's window.
      await jobs.run('collectMetrics');
      await jobs.run('evaluateAlerts');
      for (let look = 0; look < 20 && received().at(-1) !== state; look += 1) await sleep(100);
    }
  };
  const connections = await openConnections(redis);
  try {
    await until('firing');
  } finally {
    for (const connection of connections) connection.disconnect();
  }
  await until('resolved');
  return { received: received() };
}

async function openConnections(redis: RedisHandle): Promise<Redis[]> {
  const [node] = await redis.nodes('masters');
  if (!node) return [];
  const connections = Array.from({ length: CONNECTIONS }, () =>
    node.client.duplicate({ connectionName: CONNECTION_NAME, lazyConnect: true }),
  );
  for (const connection of connections) connection.on('error', () => {});
  await Promise.all(connections.map((connection) => connection.connect()));
  return connections;
}

/** States of the test alert in one post, whatever its layout: the rule's name and a status stand in it. */
function statesOf(body: string): ('firing' | 'resolved')[] {
  if (!body.includes(RULE)) return [];
  const { alerts = [] } = JSON.parse(body) as {
    alerts?: { status?: string; labels?: Record<string, string> }[];
  };
  return alerts
    .filter(({ labels }) => labels?.alertname === RULE || labels?.alert === RULE)
    .map(({ status }) => (status === 'resolved' ? 'resolved' : 'firing'));
}
