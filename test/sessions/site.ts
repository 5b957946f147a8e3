import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Request } from 'express';
import { SessionManager, type SessionManagerOptions } from '../../src/sessions';
import { newPrefix } from './rig';

/** A web app with the manager's sessions. `/hold/...` routes wait in the middle until the test lets them go. */
export interface Site {
  readonly manager: SessionManager;
  readonly url: string;
  /** Resolves when a request waits at the gate of this name. */
  waiting(gate: string): Promise<void>;
  open(gate: string): void;
  close(): Promise<void>;
}

interface Gate {
  readonly arrived: PromiseWithResolvers<void>;
  readonly opened: PromiseWithResolvers<void>;
}

type Bag = Record<string, unknown>;
const bag = (request: Request) => request.session as unknown as Bag;

const promised = (work: (done: (error?: unknown) => void) => void) =>
  new Promise<void>((resolve, reject) => work((error) => (error ? reject(error) : resolve())));

export async function startSite(options: Partial<SessionManagerOptions> & Pick<SessionManagerOptions, 'redis'>) {
  const manager = new SessionManager({ prefix: newPrefix(), secrets: ['one'], trustProxy: true, ...options });
  const gates = new Map<string, Gate>();
  const gate = (name: string) => {
    const known = gates.get(name) ?? { arrived: Promise.withResolvers<void>(), opened: Promise.withResolvers<void>() };
    gates.set(name, known);
    return known;
  };
  const app = express();
  await manager.initialize(app);
  app.use('/hold/:gate', async (request, _response, next) => {
    const { arrived, opened } = gate(request.params.gate);
    arrived.resolve();
    await opened.promise;
    next();
  });
  const routes = express.Router();
  routes.post('/login', async (request, response) => {
    await promised((done) => request.session.regenerate(done));
    Object.assign(bag(request), {
      userId: request.query.user,
      ...(request.query.cart && { cart: request.query.cart }),
    });
    response.json({ user: bag(request).userId });
  });
  routes.post('/renew', async (request, response) => {
    const { cookie: _, ...kept } = bag(request);
    await promised((done) => request.session.regenerate(done));
    Object.assign(bag(request), kept);
    response.json({});
  });
  routes.post('/logout', async (request, response) => {
    await promised((done) => request.session.destroy(done));
    response.json({});
  });
  routes.post('/set', (request, response) => {
    Object.assign(bag(request), request.query);
    response.json({});
  });
  routes.post('/save-and-redirect', async (request, response) => {
    Object.assign(bag(request), request.query);
    await promised((done) => void request.session.save(done));
    response.redirect('/me');
  });
  routes.post('/stream', (request, response) => {
    Object.assign(bag(request), request.query);
    response.write('begun ');
    response.end('done');
  });
  routes.post('/loop', (request, response) => {
    bag(request).self = request.session;
    response.json({});
  });
  routes.post('/big', (request, response) => {
    bag(request).big = 'x'.repeat(Number(request.query.bytes));
    response.json({});
  });
  routes.post('/revoke-others', async (request, response) => {
    await manager.revokeOthers(request);
    response.json({});
  });
  routes.get('/me', (request, response) => {
    const { cookie: _, ...values } = bag(request);
    response.json(values);
  });
  app.use('/hold/:gate', routes);
  app.use(routes);
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.code });
  };
  app.use(onError);
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const site: Site = {
    manager,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    waiting: (name) => gate(name).arrived.promise,
    open: (name) => {
      gate(name).opened.resolve();
      gates.delete(name);
    },
    close: async () => {
      manager.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return site;
}

export interface Answer {
  readonly status: number;
  readonly body: Bag;
  /** The session cookie this answer set, whole. */
  readonly setCookie: string | undefined;
}

/** A browser: keeps the cookie of the last answer that set one, and can be given another. */
export class Browser {
  cookie: string | undefined;

  constructor(private readonly site: Site) {}

  get = (path: string) => this.#ask('GET', path);
  post = (path: string) => this.#ask('POST', path);

  async #ask(method: string, path: string): Promise<Answer> {
    const response = await fetch(this.site.url + path, {
      method,
      redirect: 'manual',
      headers: { 'x-forwarded-proto': 'https', ...(this.cookie && { cookie: this.cookie }) },
    });
    const text = await response.text();
    const setCookie = response.headers.getSetCookie().find((each) => each.startsWith(this.site.manager.cookieName));
    if (setCookie) this.cookie = setCookie.split(';')[0];
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: isJson ? JSON.parse(text) : { text }, setCookie };
  }
}

export function browserWith(site: Site, cookie: string | undefined): Browser {
  const browser = new Browser(site);
  browser.cookie = cookie;
  return browser;
}

/** The id within a cookie of ours. */
export function sidOf(cookie: string | undefined): string {
  return decodeURIComponent(cookie?.split('=')[1] ?? '').replace(/^s:([^.]*)\..*$/, '$1');
}
