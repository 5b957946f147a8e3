import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { coerceError } from '../../src/errors';
import { requestData, writeResponse } from './http-data';
import { type AuthLevel, type HostKeys, isAllowed } from './keys';
import { parseRoute, type Route } from './routes';
import type { TypedData } from './rpc';

export interface HttpFunction {
  readonly name: string;
  readonly methods: readonly string[];
  readonly route: string;
  readonly authLevel: AuthLevel;
  run(data: TypedData): Promise<TypedData | null | undefined>;
}

export interface HttpListenerOptions {
  readonly port: number;
  readonly routePrefix: string;
  readonly functions: readonly HttpFunction[];
  /** Without keys everybody may call everything, as under `func start`. */
  readonly keys: HostKeys | undefined;
  /** All functions, those in error too, for `GET /admin/functions` and the status of each. */
  readonly listed: readonly ListedFunction[];
  /** For `GET /admin/host/status`. */
  readonly status: () => object;
  /** Starts a function by hand; false if there is none of that name. */
  readonly fire: (name: string, input: string) => boolean;
  readonly warn: (message: string) => void;
}

export interface ListedFunction {
  readonly name: string;
  readonly trigger: string;
  /** Why it is disabled. */
  readonly error?: string;
}

interface Routed {
  readonly target: HttpFunction;
  readonly route: Route;
}

/** Serves the HTTP-triggered functions and the admin endpoints on the loopback. */
export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #server: Server;
  readonly #routes: readonly Routed[];

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#routes = options.functions
      .map((target) => ({ target, route: parseRoute(`${options.routePrefix}/${target.route}`) }))
      .sort((a, b) => a.route.rank - b.route.rank);
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** Resolves with the address. */
  start(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, '127.0.0.1', () => {
        resolve(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
      });
    });
  }

  /** Takes no more requests, and resolves when those under way are answered. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
      if (url.pathname.startsWith('/admin/')) await this.#admin(request, response, url);
      else await this.#call(request, response, url);
    } catch (thrown: unknown) {
      this.#options.warn(`${request.method} ${request.url?.split('?')[0]}: ${coerceError(thrown).message}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  }

  async #call(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const method = request.method?.toUpperCase() ?? 'GET';
    for (const { target, route } of this.#routes) {
      if (!target.methods.includes(method)) continue;
      const params = route.match(url.pathname);
      if (params === undefined) continue;
      if (!this.#allowed(target.authLevel, request, url)) response.writeHead(401).end();
      else writeResponse(response, await target.run(await requestData(request, url, params)));
      return;
    }
    response.writeHead(404).end();
  }

  #allowed(level: AuthLevel, request: IncomingMessage, url: URL): boolean {
    const { keys } = this.#options;
    return keys === undefined || isAllowed(level, keys, request.headers, url);
  }

  async #admin(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (!this.#allowed('admin', request, url)) {
      response.writeHead(401).end();
      return;
    }
    const answer = (body: object) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const { listed, status, fire } = this.#options;
    const [, encoded, detail] = /^\/admin\/functions\/([^/]+)(\/status)?$/.exec(url.pathname) ?? [];
    const name = encoded === undefined ? undefined : decodeURIComponent(encoded);
    const known = listed.find((one) => one.name === name);
    if (request.method === 'POST' && name !== undefined && !detail) {
      response.writeHead(fire(name, await inputOf(request)) ? 202 : 404).end();
    } else if (request.method === 'GET' && known && detail) {
      answer(known.error === undefined ? {} : { errors: [known.error] });
    } else if (request.method === 'GET' && url.pathname === '/admin/functions') {
      answer(listed.map(({ name: listedName, trigger }) => ({ name: listedName, trigger })));
    } else if (request.method === 'GET' && url.pathname === '/admin/host/status') {
      answer(status());
    } else {
      response.writeHead(404).end();
    }
  }
}

/** `{"input": "..."}`, as the portal and the documentation send it. */
async function inputOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const { input = '' } = (text === '' ? {} : JSON.parse(text)) as { input?: unknown };
  return typeof input === 'string' ? input : JSON.stringify(input);
}
