import type { SessionRules } from '../options';
import type { SessionHandle } from '../record/session-handle';
import type { SessionLoader } from '../record/session-loader';
import { readRecord } from '../record/session-record';
import * as scripts from '../record/session-scripts';
import type { SessionDestroyer } from '../revocation/destroy-session';
import type { Revocations } from '../revocation/revocations';
import { memberOf, type UserIndex } from './user-index';

/** One of a user's sessions, for a page that lists the user's devices. */
export interface UserSession {
  /** The argument of `revoke`. It cannot open the session, unless `hashIds` is off. */
  readonly id: string;
  readonly authenticatedAt: Date;
  readonly seenAt: Date;
  /** When it ends if it is not used again. */
  readonly expiresAt: Date;
}

/** Records that `list` reads at once. */
const PAGE = 200;

/** The sessions of a user: list, count, revoke. A session lives only while it has its user's login generation. */
export class UserSessions {
  constructor(
    private readonly rules: SessionRules,
    private readonly loader: Pick<SessionLoader, 'get'>,
    private readonly index: UserIndex,
    private readonly destroyer: SessionDestroyer,
    private readonly revocations: Revocations,
  ) {}

  /** The live sessions, the oldest login first. */
  async list(user: string): Promise<readonly UserSession[]> {
    const { keys, redis } = this.rules;
    const generation = await this.loader.get(keys.loginGenerationOf(user));
    const members = await redis.within(redis.client('sessions').zrange(keys.indexOf(user), '0', '-1'));
    const found: UserSession[] = [];
    const stale: string[] = [];
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
            stale.push(member);
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
    if (stale.length > 0) await redis.within(redis.client('sessions').zrem(keys.indexOf(user), ...stale));
    return found.sort((a, b) => a.authenticatedAt.getTime() - b.authenticatedAt.getTime() || (a.id < b.id ? -1 : 1));
  }

  /** The number of sessions in the index. A session that Redis evicted counts until it would have ended, or until `list`. */
  async count(user: string): Promise<number> {
    const { keys, redis } = this.rules;
    const now = Math.floor((redis.serverMicros()?.micros ?? 0) / 1_000);
    return redis.within(redis.client('sessions').zcount(keys.indexOf(user), String(now), '+inf'));
  }

  /** Ends one session of the user, by its id from `list`. False if the user has no such session. */
  async revoke(user: string, id: string): Promise<boolean> {
    const key = this.rules.keys.recordOf(id);
    const record = readRecord((await this.loader.get(key)) ?? '');
    if (record?.user !== user) return false;
    await this.destroyer.destroy(key);
    return true;
  }

  /** Ends all sessions of the user with one write. */
  async revokeAll(user: string): Promise<void> {
    await this.revocations.revoke(user);
  }

  /** Ends all sessions of the user except the one of this handle. */
  async revokeOthers(user: string, keep: SessionHandle): Promise<void> {
    const { generation, before } = await this.revocations.revoke(user, async (now, then) => {
      if (then === keep.generation)
        await this.rules.redis.run('sessions', scripts.renewGeneration, [keep.key], [then, now]);
    });
    if (before !== keep.generation) return;
    keep.generation = generation;
    await this.index.heal(keep);
  }
}
