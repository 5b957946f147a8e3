import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { capabilitiesOf, createRedis } from '../../src/redis';
import { CHANNEL_PATTERNS, COMMANDS, KEY_PATTERNS, rightsFile } from '../../src/redis/auth/acl';
import { redisSettings } from './recorder';

// That the rights suffice is what every other suite shows: it runs under them.

test('abilities that may not be asked are not known, and nothing fails', async () => {
  const server = await startRedis({ refusals: 'expected' });
  const redis = createRedis({
    settings: redisSettings({ REDIS_URL: server.webUrl }),
    logger: silentLogger,
    role: 'web',
  });
  expect((await capabilitiesOf(redis)).hidden.size).toBe(0);
  await redis.close();
  await server.stop();
});

test('a server whose users were refused something fails who stops it', async () => {
  const server = await startRedis();
  const redis = createRedis({
    settings: redisSettings({ REDIS_URL: server.webUrl }),
    logger: silentLogger,
    role: 'web',
  });
  await expect(redis.within(redis.client('cache').get('others:1'))).rejects.toThrow(/NOPERM/);
  await redis.close();
  await expect(server.stop()).rejects.toThrow('Redis refused what the published rights lack: key others:1 to web');
});

test('docs/security.md names exactly these rights', () => {
  const page = readFileSync(join(__dirname, '../../docs/security.md'), 'utf8');
  const named = [...page.matchAll(/\+([a-z|]+)/g)].map(([, command]) => command);
  expect(named.sort()).toEqual([...COMMANDS.app].sort());
  for (const pattern of KEY_PATTERNS) expect(page).toContain(`~${pattern}`);
  for (const pattern of CHANNEL_PATTERNS) expect(page).toContain(`&${pattern}`);
});

test('the servers of deploy/sentinel give exactly these rights', () => {
  expect(readFileSync(join(__dirname, '../../deploy/sentinel/rights'), 'utf8')).toBe(rightsFile());
});
