import type { NextFunction, Request, Response, Router } from 'express';
import type { SessionData } from 'express-session';
import { SECOND } from '../clock';
import { coerceError } from '../errors';
import { SessionOptionsError, SessionsUnavailableError } from './errors';
import { expressSession } from './express/express-session';
import { saveBeforeAnswering } from './express/save-before-answering';
import type { SessionOptions } from './options';
import { newSessionId } from './record/session-keys';
import { type SecretSource, type SessionSecret, signingOrder } from './secrets/session-secrets';
import { createSessionStore, type SessionStore } from './session-store';
import type { UserSessions } from './users/user-sessions';

export interface SessionCookieOptions {
  /** The name becomes `__Host-<name>` if browsers accept that: secure, path `/`, no domain. (Default: `oversight.sid`) */
  readonly name?: string;
  /** (Default: true) Set it to false only without TLS, as on a developer's machine. */
  readonly secure?: boolean;
  /** (Default: `strict`) */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /** How long the browser keeps the cookie, and how long the session may be unused. (Default: 86400, a day) */
  readonly maxAgeSeconds?: number;
  /** (Default: `/`) */
  readonly path?: string;
  /** (Default: none, only this host) Danger: every host of the domain can set and read the cookie. */
  readonly domain?: string;
}

export interface SessionManagerOptions extends SessionOptions {
  /** The secrets that sign cookies: a Key Vault (`createKeyVaultSecrets`), or a fixed list, the newest first. */
  readonly secrets: SecretSource | readonly string[];
  /** How often the secrets are read again, in seconds. A new secret signs after twice this time. (Default: 300) */
  readonly secretsEverySeconds?: number;
  readonly cookie?: SessionCookieOptions;
  /** Set it to true if TLS ends at a proxy that sets `X-Forwarded-Proto`. (Default: the app's `trust proxy`) */
  readonly trustProxy?: boolean;
}

/** Sessions of an Express app, with safe settings. */
export class SessionManager {
  readonly store: SessionStore;
  /** Sessions by user: list, count, revoke. */
  readonly users: UserSessions;
  /** The cookie's name in the browser. */
  readonly cookieName: string;
  readonly #options: SessionManagerOptions;
  /** express-session holds this array: changing its content changes what signs and verifies. */
  readonly #secrets: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SessionManagerOptions) {
    this.#options = options;
    this.store = createSessionStore(options);
    this.users = this.store.users;
    const { name = 'oversight.sid', secure = true, path = '/', domain } = options.cookie ?? {};
    this.cookieName = secure && path === '/' && domain === undefined ? `__Host-${name}` : name;
  }

  /** Reads the secrets and adds the session middleware to the app or router. Rejects if there is no secret. */
  async initialize(app: Pick<Router, 'use'>): Promise<void> {
    await this.#readSecrets();
    const everyMs = (this.#options.secretsEverySeconds ?? 300) * SECOND;
    if (!isList(this.#options.secrets)) {
      this.#timer = setInterval(() => void this.#readSecretsAgain(), everyMs).unref();
    }
    const handler = this.#handler();
    app.use((request, response, next) => {
      handler(request, response, (error?: unknown) => this.#loaded(error, request, response, next));
    });
  }

  /** Ends all other sessions of this request's user. */
  revokeOthers(request: Request): Promise<void> {
    return this.store.revokeOthers(request.sessionID, request.session as SessionData);
  }

  /** Stops reading secrets and closes the store's own connection. */
  close(): void {
    clearInterval(this.#timer);
    this.store.close();
  }

  #handler() {
    const { trustProxy, cookie = {} } = this.#options;
    const { secure = true, sameSite = 'strict', maxAgeSeconds = 86_400, path = '/', domain } = cookie;
    return expressSession()({
      store: this.store,
      secret: this.#secrets,
      name: this.cookieName,
      resave: false,
      saveUninitialized: false,
      rolling: true,
      genid: newSessionId,
      ...(trustProxy !== undefined && { proxy: trustProxy }),
      cookie: { secure, httpOnly: true, sameSite, maxAge: maxAgeSeconds * SECOND, path, ...(domain && { domain }) },
    });
  }

  /** Fails closed: without Redis, no request continues as "not logged in". */
  #loaded(error: unknown, request: Request, response: Response, next: NextFunction): void {
    const fail = (thrown: unknown) => this.#fail(thrown, response, next);
    const unavailable = this.store.isConnected ? error : new SessionsUnavailableError('Sessions are unavailable');
    if (unavailable) {
      fail(unavailable);
      return;
    }
    // Outside the cookie's path there is no session.
    if (request.session) saveBeforeAnswering(request, response, this.store.baseOf(request.session), fail);
    next();
  }

  #fail(error: unknown, response: Response, next: NextFunction): void {
    if (response.headersSent) {
      // The response has begun; with an error express would cut the connection.
      const message = 'could not save a session after its response had begun; the changes are lost';
      this.#options.logger?.error({ error: coerceError(error).message }, message);
      return;
    }
    if (!(error instanceof SessionsUnavailableError)) {
      next(error);
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.status(503).set({ 'Retry-After': '1', 'Cache-Control': 'no-store' });
    response.json({ error: error.code, message: 'Sessions are unavailable at the moment. Please try again.' });
  }

  async #readSecrets(): Promise<void> {
    const { secrets: source, secretsEverySeconds = 300 } = this.#options;
    const read: readonly SessionSecret[] = isList(source)
      ? source.map((value, index) => ({ value, createdAt: new Date(-index) }))
      : await source.read();
    const order = signingOrder(read, Date.now(), 2 * secretsEverySeconds * SECOND);
    if (order.length === 0 || order.includes('')) {
      throw new SessionOptionsError('There is no secret to sign cookies with. Run `cache-steward secrets init`.');
    }
    this.#secrets.splice(0, Number.POSITIVE_INFINITY, ...order);
  }

  async #readSecretsAgain(): Promise<void> {
    try {
      await this.#readSecrets();
    } catch (thrown) {
      // The secrets that were read before stay in use.
      const message = 'could not read the session secrets again; the known ones stay in use';
      this.#options.logger?.warn({ error: coerceError(thrown).message }, message);
    }
  }
}

const isList = (secrets: SessionManagerOptions['secrets']): secrets is readonly string[] => Array.isArray(secrets);
