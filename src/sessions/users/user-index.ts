import { randomBytes } from 'node:crypto';
import { coerceError } from '../../errors';
import type { SessionRules } from '../options';
import type { SessionHandle } from '../record/session-handle';
import * as scripts from '../record/session-scripts';

/** A session that is added to its user's index. */
export interface IndexEntry {
  readonly user: string;
  readonly id: string;
  /** The login generation of the session; '' at a login, '-' for a connect-redis session, which has none. */
  readonly held: string;
  /** 0: now. */
  readonly authenticatedMs: number;
  readonly idleMs: number;
  /** 0: the absolute lifetime, counted from now. */
  readonly endsMs: number;
}

/** What the record of a session stores about its user's login. */
export type Login = { readonly generation: string; readonly authenticatedMs: number };

/**
 * The sorted set of a user's sessions. Every login, touch and list repairs it. It never decides whether a session lives:
 * the login generation does.
 */
export class UserIndex {
  constructor(private readonly rules: SessionRules) {}

  /** Adds a session; destroys those above `maxSessionsPerUser`. Returns undefined if the session was revoked. */
  async enter(entry: IndexEntry, destroyer: { destroy(key: string): Promise<void> }): Promise<Login | undefined> {
    const reply = await this.#enter(entry, this.rules.maxSessionsPerUser);
    if (reply[0] === 'revoked') return undefined;
    const [, generation, authenticatedMs, ...evicted] = reply;
    await Promise.all(evicted.map((id) => destroyer.destroy(this.rules.keys.recordOf(id))));
    return { generation, authenticatedMs: Number(authenticatedMs) };
  }

  /** Renews the login generation and the session's place in the index, in case one was lost or evicted. */
  async heal(handle: SessionHandle): Promise<void> {
    const { user, id, generation, authenticatedMs, idleMs, endsMs } = handle;
    if (user === undefined || generation === undefined) return;
    try {
      await this.#enter({ user, id, held: generation, authenticatedMs, idleMs, endsMs }, 0);
    } catch (thrown) {
      const message = 'could not repair the index of a user’s sessions; the next touch tries again';
      this.rules.logger.debug({ error: coerceError(thrown).message }, message);
    }
  }

  /**
   * Whether a session that has just been stored may stay. A login elsewhere may have evicted it after it entered the
   * index and before it was stored, when there was nothing to destroy.
   */
  async mayStay(user: string, id: string, authenticatedMs: number): Promise<boolean> {
    const { keys, redis, maxSessionsPerUser } = this.rules;
    if (maxSessionsPerUser === 0) return true;
    const score = redis.client('sessions').zscore(keys.indexOf(user), memberOf(id, authenticatedMs));
    return (await redis.within(score)) !== null;
  }

  /** Removes a session from the index. If this fails, the next list repairs it. */
  async leave(user: string, id: string, authenticatedMs: number): Promise<void> {
    const { keys, redis, logger } = this.rules;
    try {
      await redis.within(redis.client('sessions').zrem(keys.indexOf(user), memberOf(id, authenticatedMs)));
    } catch (thrown) {
      const message = 'could not remove a session from its user’s index; the next list repairs it';
      logger.debug({ error: coerceError(thrown).message }, message);
    }
  }

  #enter(entry: IndexEntry, limit: number): Promise<scripts.EnterReply> {
    const { keys, redis, absoluteMs, keepMs } = this.rules;
    const { user, id, held, authenticatedMs, idleMs, endsMs } = entry;
    const random = randomBytes(16).toString('base64url');
    const args = [random, keepMs, id, authenticatedMs, held, idleMs, endsMs, absoluteMs, limit];
    return redis.run('sessions', scripts.enter, [keys.loginGenerationOf(user), keys.indexOf(user)], args);
  }
}

/** The member of a session in the index, as lua/enter.lua writes it. */
export const memberOf = (id: string, authenticatedMs: number): string =>
  `${String(authenticatedMs).padStart(13, '0')}:${id}`;
