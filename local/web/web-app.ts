import { randomBytes } from 'node:crypto';
import express, { type Express } from 'express';
import session from 'express-session';
import type { Cache, SessionStore } from '../../src/index';

declare module 'express-session' {
  interface SessionData {
    userId: string;
    visits: number;
  }
}

/** What the web app needs of the library. */
export interface WebServices {
  readonly cache: Cache;
  readonly sessions: SessionStore;
}

/**
 * A sample of how a web app uses the library: sessions in the store, profiles written behind, products and prices read
 * through the cache. Errors of the library answer 503, so that a caller may try again.
 */
export function createWebApp({ cache, sessions }: WebServices): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());

  // Only routes that know a visitor load a session: a store is asked once a request.
  const visitor = session({
    store: sessions,
    name: 'oversight.sid',
    secret: randomBytes(32).toString('base64url'),
    resave: false,
    saveUninitialized: false,
    // Over plain HTTP on the loopback a secure cookie would never be sent; deployed, keep it secure.
    cookie: { httpOnly: true, sameSite: 'strict', secure: false },
  });

  app.post('/login', visitor, (request, response) => {
    request.session.userId = String(request.body.user);
    request.session.visits = 0;
    response.json({ user: request.session.userId });
  });

  app.get('/me', visitor, (request, response) => {
    if (!request.session.userId) {
      response.status(401).end();
      return;
    }
    request.session.visits = (request.session.visits ?? 0) + 1;
    response.json({ user: request.session.userId, visits: request.session.visits });
  });

  app.get('/profiles/:id', async (request, response) => {
    const profile = await cache.get(`user:profile:${request.params.id}`);
    response.status(profile === undefined ? 404 : 200).json(profile ?? null);
  });

  // 202: the write is durable and seen from now on; the database has it a little later.
  app.put('/profiles/:id', async (request, response) => {
    const version = await cache.writeBehind(`user:profile:${request.params.id}`, request.body);
    response.status(202).json({ version });
  });

  app.get('/products/:sku', async (request, response) => {
    const product = await cache.get(`product:catalog:${request.params.sku}`);
    response.status(product === undefined ? 404 : 200).json(product ?? null);
  });

  // 204: the database has it already, and the cache as well.
  app.put('/products/:sku', async (request, response) => {
    await cache.writeThrough(`product:catalog:${request.params.sku}`, request.body);
    response.status(204).end();
  });

  app.put('/prices/:sku', async (request, response) => {
    await cache.writeThrough(`product:price:${request.params.sku}`, request.body);
    response.status(204).end();
  });

  app.get('/prices', async (request, response) => {
    const skus = String(request.query.skus ?? '').split(',');
    const prices = await Promise.all(skus.map((sku) => cache.get(`product:price:${sku}`)));
    response.json(Object.fromEntries(skus.map((sku, index) => [sku, prices[index] ?? null])));
  });

  app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(503).end();
  });
  return app;
}
