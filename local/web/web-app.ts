import { randomBytes } from 'node:crypto';
import express, { type Express, type Request, type Router } from 'express';
import { type Cache, SessionManager, type SessionManagerOptions } from '../../src/index';

declare module 'express-session' {
  interface SessionData {
    userId: string;
    visits: number;
  }
}

/** What the web app needs of the library. */
export interface WebServices {
  readonly cache: Cache;
  readonly sessions: SessionManager;
}

/** Sessions as the sample has them: a secret of this process's own, and cookies over the loopback's plain HTTP. */
export function sampleSessions(redis: SessionManagerOptions['redis']): SessionManager {
  const secrets = [randomBytes(32).toString('base64url')];
  // Deployed, leave `cookie` out and give a Key Vault as `secrets`: docs/sessions.md.
  return new SessionManager({ redis, secrets, cookie: { secure: false } });
}

/**
 * A sample of how a web app uses the library: sessions kept by its manager, profiles written behind, products and
 * prices read through the cache. Errors of the library answer 503, so that a caller may try again.
 */
export async function createWebApp({ cache, sessions }: WebServices): Promise<Express> {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());

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

  // Last, so that only routes that know a visitor have to do with sessions.
  app.use(await visitorRoutes(sessions));
  app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(503).end();
  });
  return app;
}

async function visitorRoutes(sessions: SessionManager): Promise<Router> {
  const router = express.Router();
  await sessions.initialize(router);

  // A login gets a new id: a person who knew the old one has nothing.
  router.post('/login', async (request, response) => {
    await promised((done) => request.session.regenerate(done));
    request.session.userId = String(request.body.user);
    request.session.visits = 0;
    response.json({ user: request.session.userId });
  });

  router.use((request, response, next) => {
    if (request.session.userId) next();
    else response.status(401).end();
  });

  router.get('/me', (request, response) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    response.json({ user: request.session.userId, visits: request.session.visits });
  });

  router.get('/sessions', async (request, response) => {
    response.json(await sessions.users.list(userOf(request)));
  });

  router.delete('/sessions/:id', async (request, response) => {
    const revoked = await sessions.users.revoke(userOf(request), request.params.id);
    response.status(revoked ? 204 : 404).end();
  });

  router.post('/logout', async (request, response) => {
    await promised((done) => request.session.destroy(done));
    response.clearCookie(sessions.cookieName).status(204).end();
  });

  router.post('/logout-elsewhere', async (request, response) => {
    await sessions.revokeOthers(request);
    response.status(204).end();
  });

  router.post('/logout-everywhere', async (request, response) => {
    await sessions.users.revokeAll(userOf(request));
    response.status(204).end();
  });
  return router;
}

function userOf(request: Request): string {
  return request.session.userId ?? '';
}

function promised(work: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
}
