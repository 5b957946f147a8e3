import { randomBytes } from 'node:crypto';
import { coerceError } from '../../errors';
import type { SessionRules } from '../options';
import type { SessionHandle } from '../record/session-handle';
import type { SessionLoader } from '../record/session-loader';
import { readRecord } from '../record/session-record';
import * as scripts from '../record/session-scripts';
import type { Revocations } from '../revocation/revocations';

/** One of a user's sessions, as a page of "your devices" shows it. */
export interface UserSession {
  /** For `revoke`. It opens nothing, unless hashing of ids is off. */
  readonly id: string;
  readonly authenticatedAt: Date;
  readonly seenAt: Date;
  /** Its end if it isn't used any more. */
  readonly expiresAt: Date;
}

interface Entry {
  readonly user: string;
  readonly id: string;
  /** The generation it carries; '' at login, '-' for one from before there were generations. */
  readonly held: string;
  /** 0: now. */
  readonly authenticatedMs: number;
  readonly idleMs: number;
  /** 0: counted from now. */
  readonly endsMs: number;
}

/** Records read in one go while listing. */
const PAGE = 200;

/**
 * A user's sessions. The index lists them and mends itself at every login, touch and list; whether a session lives is
 * never asked of the index but of the generation, which the session must share with its user.
 */
export class UserSessions {
  constructor(
    private readonly rules: SessionRules,
    private readonly loader: Pick<SessionLoader, 'get'>,
    private readonly destroyRecord: (key: string) => Promise<void>,
    private readonly revocations: Revocations,
  ) {}

  /** Living sessions, the oldest login first. */
  async list(user: string): Promise<readonly UserSession[]> {
    const { keys, redis } = this.rules;
    const generation = await this.loader.get(keys.generationOf(user));
    const members = await redis.within(redis.client('sessions').zrange(keys.indexOf(user), '0', '-1'));
    const found: UserSession[] = [];
    const lost: string[] = [];
    for (let at = 0; at < members.length; at += PAGE) {
      await Promise.all(
        members.slice(at, at + PAGE).map(async (member) => {
          const id = member.slice(14);
          const record = readRecord((await this.loader.get(keys.recordOf(id))) ?? '');
          if (
            record?.kind !== 'session' ||
            record.user !== user ||
            record.generation !== generation ||
            member !== memberOf(id, record.authenticatedMs)
          ) {
            lost.push(member);
            return;
          }
          const expiresMs = Math.min(record.endsMs, record.seenMs + (record.idleMs || Number.POSITIVE_INFINITY));
          found.push({
            id,
            authenticatedAt: new Date(record.authenticatedMs),
            seenAt: new Date(record.seenMs),
            expiresAt: new Date(expiresMs),
          });
        }),
      );
    }
    if (lost.length > 0) await redis.within(redis.client('sessions').zrem(keys.indexOf(user), ...lost));
    return found.sort((a, b) => a.authenticatedAt.getTime() - b.authenticatedAt.getTime() || (a.id < b.id ? -1 : 1));
  }

  /** How many there are, by the index: what was evicted from Redis counts until its time is up, or until `list`. */
  async count(user: string): Promise<number> {
    const { keys, redis } = this.rules;
    const now = Math.floor((redis.serverMicros()?.micros ?? 0) / 1_000);
    return redis.within(redis.client('sessions').zcount(keys.indexOf(user), String(now), '+inf'));
  }

  /** Ends one session of the user, by its id from `list`. False where the user has no such session. */
  async revoke(user: string, id: string): Promise<boolean> {
    const key = this.rules.keys.recordOf(id);
    const record = readRecord((await this.loader.get(key)) ?? '');
    if (record?.user !== user) return false;
    await this.destroyRecord(key);
    return true;
  }

  /** Ends all sessions of the user with one write, however many there are. */
  async revokeAll(user: string): Promise<void> {
    await this.revocations.revoke(user);
  }

  /** Ends all sessions of the user but the one of this handle. */
  async revokeOthers(user: string, keep: SessionHandle): Promise<void> {
    const { generation, before } = await this.revocations.revoke(user, async (now, then) => {
      if (then === keep.generation) await this.rules.redis.run('sessions', scripts.restamp, [keep.key], [then, now]);
    });
    if (before !== keep.generation) return;
    keep.generation = generation;
    await this.heal(keep);
  }

  /** Enters a session and gives what its record has to say; undefined where it has been revoked. */
  async enter(entry: Entry): Promise<{ generation: string; authenticatedMs: number } | undefined> {
    const { maxSessionsPerUser } = this.rules;
    const reply = await this.#enter(entry, maxSessionsPerUser);
    if (reply[0] === 'revoked') return undefined;
    const [, generation, authenticatedMs, ...evicted] = reply;
    await Promise.all(evicted.map((id) => this.destroyRecord(this.rules.keys.recordOf(id))));
    return { generation, authenticatedMs: Number(authenticatedMs) };
  }

  /** Renews the generation and the session's place in the index, should either have been lost or evicted. */
  async heal(handle: SessionHandle): Promise<void> {
    const { user, id, generation, authenticatedMs, idleMs, endsMs } = handle;
    if (user === undefined || generation === undefined) return;
    try {
      await this.#enter({ user, id, held: generation, authenticatedMs, idleMs, endsMs }, 0);
    } catch (thrown) {
      this.rules.logger.debug({ error: coerceError(thrown).message }, 'index of a user’s sessions not mended');
    }
  }

  /**
   * Whether a session that has just been written may stay: a login elsewhere may have pushed it out between its entry
   * and its writing, when there was nothing to destroy yet.
   */
  async mayStay(user: string, id: string, authenticatedMs: number): Promise<boolean> {
    const { keys, redis, maxSessionsPerUser } = this.rules;
    if (maxSessionsPerUser === 0) return true;
    const score = redis.client('sessions').zscore(keys.indexOf(user), memberOf(id, authenticatedMs));
    return (await redis.within(score)) !== null;
  }

  /** Takes a session out of the index. What fails here mends itself. */
  async leave(user: string, id: string, authenticatedMs: number): Promise<void> {
    const { keys, redis, logger } = this.rules;
    try {
      await redis.within(redis.client('sessions').zrem(keys.indexOf(user), memberOf(id, authenticatedMs)));
    } catch (thrown) {
      logger.debug({ error: coerceError(thrown).message }, 'session left in its user’s index');
    }
  }

  #enter(entry: Entry, limit: number): Promise<scripts.EnterReply> {
    const { keys, redis, absoluteMs, keepMs } = this.rules;
    const { user, id, held, authenticatedMs, idleMs, endsMs } = entry;
    const random = randomBytes(16).toString('base64url');
    const args = [random, keepMs, id, authenticatedMs, held, idleMs, endsMs, absoluteMs, limit];
    return redis.run('sessions', scripts.enter, [keys.generationOf(user), keys.indexOf(user)], args);
  }
}

/** As lua/enter.lua writes it. */
function memberOf(id: string, authenticatedMs: number): string {
  return `${String(authenticatedMs).padStart(13, '0')}:${id}`;
}
