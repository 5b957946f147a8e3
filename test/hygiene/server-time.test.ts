import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { ServerWorkTime } from '../../src/hygiene/throttle/server-work-time';
import type { RedisHandle } from '../../src/redis';
import { redisFor } from './drive';

let server: RunningRedis;
let redis: RedisHandle;
let client: Redis;
/** A clock of the test's own, so that times are exact on any machine. */
let now = 0;
/** What a PING takes. */
let wayMs = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = redisFor({ REDIS_URL: server.appUrl });
  await redis.ready();
  client = redis.client('cache') as Redis;
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});
beforeEach(() => {
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const ping = client.ping.bind(client);
  jest.spyOn(client, 'ping').mockImplementation(() => taking(wayMs, ping()));
});
afterEach(() => jest.restoreAllMocks());

async function taking<T>(ms: number, answer: Promise<T>): Promise<T> {
  const reply = await answer;
  now += ms;
  return reply;
}

test('the time to the server is measured again after a reconnect, be it longer or shorter', async () => {
  const time = new ServerWorkTime(redis, client, 1_000);
  const batches = time.timed(async () => {
    await time.of(taking(8, client.get('cache:{a}')));
    return { cursor: '0', examined: 1, found: undefined };
  });
  /** What a page of 8 ms counts as, once the way is known. */
  const micros = async () => {
    for (let page = 0; page < 20; page += 1) await batches('0', 1);
    return (await batches('0', 1)).micros;
  };
  const reconnect = async (way: number) => {
    client.disconnect(true);
    await once(client, 'ready');
    wayMs = way;
  };
  wayMs = 2;
  expect(await micros()).toBe(6_000);
  await reconnect(3);
  expect(await micros()).toBe(5_000);
  await reconnect(0.5);
  expect(await micros()).toBe(7_500);
  // At most 5 ms are taken for the way: the rest is the server that is slow.
  await reconnect(100);
  expect(await micros()).toBe(3_000);
});
