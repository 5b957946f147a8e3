import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { RedisUnavailableError } from '../errors';

/** User and password of a connection. Never logged. */
export interface Credentials {
  /** Undefined: the server's default user. */
  readonly username: string | undefined;
  readonly password: string;
  /** When to read the source again, ms since 1970: ahead of expiry, with jitter. */
  readonly renewAt: number;
}

/** Where credentials come from: Entra's tokens, a key in Key Vault, or a web app's own source. */
export interface CredentialSource {
  /** The newest credentials. `refused`: the password that the server has just refused, if there is one. */
  read(refused?: string): Promise<Credentials>;
}

/** A connection, or several, whose credentials are kept fresh. */
export interface Authenticated {
  /** For connections made from now on. */
  use(credentials: Credentials): void;
  /** Signs in again on every open connection; rejects if the server refuses. */
  reauthenticate(credentials: Credentials): Promise<void>;
  /** Replaces the connections, once they have answered what was sent on them. */
  drain(): Promise<void>;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** If many connections are refused at once, the source is read once. */
const REFUSAL_PAUSE_MS = 500;

const refusal = /WRONGPASS|NOAUTH|invalid username-password|Authentication required/i;

export const isRefusal = (error: Error): boolean => refusal.test(error.message);

/** Keeps every connection of a process signed in: reads the source at first use, ahead of expiry and after a refusal. */
export class CredentialRefresher {
  current: Credentials | undefined;
  readonly #clients = new Set<Authenticated>();
  #reading: Promise<Credentials> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #refusedAt = 0;
  #ended = false;

  constructor(
    private readonly source: CredentialSource,
    private readonly logger: Logger,
  ) {}

  /** Gives `client` the current credentials and all later ones. The function it returns ends that. */
  register(client: Authenticated): () => void {
    this.#clients.add(client);
    if (this.current) client.use(this.current);
    return () => this.#clients.delete(client);
  }

  /** The current credentials, read if there are none yet. Rejects with `E_REDIS_UNAVAILABLE`. */
  async first(): Promise<Credentials> {
    if (this.current) return this.current;
    try {
      return await this.#read();
    } catch (error) {
      const { message } = coerceError(error);
      throw new RedisUnavailableError(`no credentials for Redis: ${message}`, { cause: error });
    }
  }

  /** The server has refused the current credentials: reads newer ones. */
  refused(): void {
    const now = performance.now();
    if (this.#ended || this.current === undefined || now - this.#refusedAt < REFUSAL_PAUSE_MS) return;
    this.#refusedAt = now;
    this.#renew(this.current.password);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #read(refused?: string): Promise<Credentials> {
    this.#reading ??= this.source
      .read(refused)
      .then((credentials) => {
        this.current = credentials;
        for (const client of this.#clients) client.use(credentials);
        this.#schedule(credentials.renewAt - Date.now());
        return credentials;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#timer = setTimeout(() => this.#renew(), Math.min(Math.max(ms, 0), 2 ** 31 - 1)).unref(); // must not keep the process alive
  }

  #renew(refused?: string): void {
    const before = this.current?.password;
    this.#read(refused)
      .then((credentials) => (credentials.password === before ? undefined : this.#signInAgain(credentials)))
      .then(
        () => {
          if (this.#failures > 0) this.logger.info({}, 'redis credentials renewed again');
          this.#failures = 0;
        },
        (error: unknown) => {
          if (this.#failures === 0) {
            this.logger.warn({ error: coerceError(error).message }, 'redis credentials not renewed; trying again');
          }
          this.#failures += 1;
          this.#schedule(Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LAST_RETRY_MS));
        },
      );
  }

  async #signInAgain(credentials: Credentials): Promise<void> {
    const refused = await this.#reauthenticate([...this.#clients], credentials);
    if (refused.length === 0) return;
    // The open connections still work, since they signed in before. Only new ones would fail.
    const next = await this.#read(credentials.password);
    const again = next.password === credentials.password ? refused : await this.#reauthenticate(refused, next);
    await Promise.all(again.map((client) => client.drain()));
  }

  /** Returns the clients that the server refused. One whose connection broke meanwhile signs in when it reconnects. */
  async #reauthenticate(clients: readonly Authenticated[], credentials: Credentials): Promise<Authenticated[]> {
    const outcomes = await Promise.allSettled(clients.map((client) => client.reauthenticate(credentials)));
    return clients.filter((_, index) => {
      const outcome = outcomes[index];
      return outcome?.status === 'rejected' && isRefusal(coerceError(outcome.reason));
    });
  }
}
