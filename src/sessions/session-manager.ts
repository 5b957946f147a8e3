import type { NextFunction, Request, Response, Router } from 'express';
import session, { type SessionData } from 'express-session';
import { SECOND } from '../clock';
import { coerceError } from '../errors';
import { SessionOptionsError, SessionsUnavailableError } from './errors';
import { saveBeforeAnswering } from './express/save-before-answering';
import type { SessionOptions } from './options';
import { newSessionId } from './record/session-keys';
import { type SecretSource, type SessionSecret, signingOrder } from './secrets/session-secrets';
import { createSessionStore, type SessionStore } from './session-store';
import type { UserSessions } from './users/user-sessions';

export interface SessionCookieOptions {
  /** Becomes `__Host-<name>` where a browser accepts that: secure, path `/`, no domain. (Default: `oversight.sid`) */
  readonly name?: string;
  /** (Default: true) Off only where there is no TLS, as on a developer's machine. */
  readonly secure?: boolean;
  /** (Default: `strict`) */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /** How long the browser keeps it, and how long the session may idle. (Default: 86400, a day) */
  readonly maxAgeSeconds?: number;
  /** (Default: `/`) */
  readonly path?: string;
  /** (Default: none, so the host alone) Danger: every host under it can set and read the cookie. */
  readonly domain?: string;
}

export interface SessionManagerOptions extends SessionOptions {
  /** What cookies are signed with: a Key Vault (`createKeyVaultSecrets`), or a fixed list, the newest first. */
  readonly secrets: SecretSource | readonly string[];
  /** How often the secrets are read again, in seconds; a new one signs after twice that. (Default: 300) */
  readonly secretsEverySeconds?: number;
  readonly cookie?: SessionCookieOptions;
  /** TLS ends at a proxy in front that sets `X-Forwarded-Proto`. (Default: the app's `trust proxy`) */
  readonly trustProxy?: boolean;
}

/** Sessions of an Express app, set up as they should be. */
export class SessionManager {
  readonly store: SessionStore;
  /** Sessions by user: list, count, revoke. */
  readonly users: UserSessions;
  /** As the browser has it. */
  readonly cookieName: string;
  readonly #options: SessionManagerOptions;
  /** express-session holds this very array: changing it changes what signs and verifies. */
  readonly #secrets: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SessionManagerOptions) {
    this.#options = options;
    this.store = createSessionStore(options);
    this.users = this.store.users;
    const { name = 'oversight.sid', secure = true, path = '/', domain } = options.cookie ?? {};
    this.cookieName = secure && path === '/' && domain === undefined ? `__Host-${name}` : name;
  }

  /** Reads the secrets and puts the session middleware into the app, or a router of it. Rejects where there is none. */
  async initialize(app: Pick<Router, 'use'>): Promise<void> {
    await this.#readSecrets();
    const everyMs = (this.#options.secretsEverySeconds ?? 300) * SECOND;
    if (!isList(this.#options.secrets)) {
      this.#timer = setInterval(() => void this.#readSecretsAgain(), everyMs);
      this.#timer.unref();
    }
    const handler = this.#handler();
    app.use((request, response, next) => {
      handler(request, response, (error?: unknown) => this.#loaded(error, request, response, next));
    });
  }

  /** Logs the user of this request out everywhere else. */
  revokeOthers(request: Request): Promise<void> {
    return this.store.revokeOthers(request.sessionID, request.session as SessionData);
  }

  /** Stops reading secrets and ends the store's own connection. */
  close(): void {
    clearInterval(this.#timer);
    this.store.close();
  }

  #handler() {
    const { trustProxy, cookie = {} } = this.#options;
    const { secure = true, sameSite = 'strict', maxAgeSeconds = 86_400, path = '/', domain } = cookie;
    return session({
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

  /** Closed where Redis is away: nobody is taken for nobody. */
  #loaded(error: unknown, request: Request, response: Response, next: NextFunction): void {
    const fail = (thrown: unknown) => this.#fail(thrown, response, next);
    const away = this.store.isConnected ? error : new SessionsUnavailableError('Sessions are unavailable');
    if (away) {
      fail(away);
      return;
    }
    // Elsewhere than under the cookie's path there is no session.
    if (request.session) saveBeforeAnswering(request, response, this.store.baseOf(request.session), fail);
    next();
  }

  #fail(error: unknown, response: Response, next: NextFunction): void {
    if (response.headersSent) {
      // Too late to answer otherwise; express would cut the connection.
      this.#options.logger?.error({ error: coerceError(error).message }, 'session not saved after its answer');
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
      throw new SessionOptionsError('Expected at least one secret to sign cookies with, got none: run `secrets init`');
    }
    this.#secrets.splice(0, Number.POSITIVE_INFINITY, ...order);
  }

  async #readSecretsAgain(): Promise<void> {
    try {
      await this.#readSecrets();
    } catch (thrown) {
      // Those read before stay in force.
      this.#options.logger?.warn({ error: coerceError(thrown).message }, 'session secrets not read again');
    }
  }
}

function isList(secrets: SessionManagerOptions['secrets']): secrets is readonly string[] {
  return Array.isArray(secrets);
}
