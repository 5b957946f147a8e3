import type { SessionRules } from '../options';
import type { SessionLoader } from '../record/session-loader';
import { readRecord } from '../record/session-record';
import type { UserIndex } from '../users/user-index';
import type { Revocations } from './revocations';

/** Destroys sessions: the record, its connect-redis record, its place in the user's index, and its successor. */
export class SessionDestroyer {
  constructor(
    private readonly rules: SessionRules,
    private readonly loader: Pick<SessionLoader, 'get'>,
    private readonly index: UserIndex,
    private readonly revocations: Revocations,
  ) {}

  /** Rejects if the result is unknown; the destruction is then repeated until Redis confirms it. */
  async destroy(key: string, foreignKey?: string): Promise<void> {
    // The foreign record goes first: see lua/move.lua. Both are started, so that both are repeated if Redis is
    // unavailable.
    const foreign = foreignKey === undefined ? [] : await Promise.allSettled([this.revocations.destroy(foreignKey)]);
    const record = readRecord(await this.revocations.destroy(key));
    for (const outcome of foreign) if (outcome.status === 'rejected') throw outcome.reason;
    if (record?.user === undefined) return;
    await this.index.leave(record.user, key.slice(this.rules.keys.prefix.length), record.authenticatedMs);
    if (record.successor === undefined) return;
    // A logout with the old id, while that still works, also ends the session that replaced it.
    const successorKey = this.rules.keys.recordOf(record.successor);
    const successor = readRecord((await this.loader.get(successorKey)) ?? '');
    if (successor?.user === record.user) await this.destroy(successorKey);
  }
}
