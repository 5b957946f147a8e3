import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session, { type Store } from 'express-session';
import { createClient } from 'redis';
import { createRedis, createSessionStore, readSettings, silentLogger } from '../../src/index';

export type Which = 'ours' | 'connectRedis';

const stores: Record<Which, (url: string) => Promise<Store>> = {
  ours: async (url) => {
    const settings = readSettings({ REDIS_URL: url, REDIS_DEADLINE_MS: '2000' });
    const redis = createRedis({ settings, logger: silentLogger, role: 'bench' });
    return createSessionStore({ redis, prefix: 'ours:' });
  },
  connectRedis: async (url) => {
    const client = createClient({ url });
    await client.connect();
    return new RedisStore({ client, prefix: 'theirs:' });
  },
};

/** The same app on either store, in a process of its own; prints its port on standard output. */
export async function serve(which: Which, redisUrl: string): Promise<void> {
  const app = express();
  app.get('/cpu', (_request, response) => {
    const { user, system } = process.cpuUsage();
    response.json({ micros: user + system });
  });
  app.disable('x-powered-by').disable('etag');
  app.use(
    session({
      store: await stores[which](redisUrl),
      name: 'oversight.sid',
      secret: 'bench',
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { httpOnly: true, sameSite: 'strict', maxAge: 86_400_000 },
    }),
  );
  app.post('/login', (request, response) => {
    Object.assign(request.session, {
      userId: request.query.user,
      basket: Array.from({ length: 8 }, (_, n) => ({ n })),
    });
    response.json({});
  });
  app.get('/me', (request, response) => {
    response.json({ user: request.session.userId });
  });
  app.post('/visit', (request, response) => {
    Object.assign(request.session, { visits: Date.now() + Math.random() });
    response.json({});
  });
  const server = createServer(app);
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
}
