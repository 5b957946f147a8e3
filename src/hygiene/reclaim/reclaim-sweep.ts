import type { Reclaimed, Reclaimer } from '../../cache';
import { CACHE_PREFIX } from '../../entities/key';
import type { Glob } from '../../redis';
import { type SendCommands, scan } from '../engine/send-commands';
import type { SweepKind } from '../ports';
import type { ServerWorkTime, UntimedBatchReader } from '../throttle/server-work-time';

export type ReclaimFindings = { -readonly [Count in keyof Reclaimed]: Reclaimed[Count] };

export const reclaimKind: SweepKind<ReclaimFindings, Reclaimed> = {
  name: 'reclaim',
  empty: () => ({ entries: 0, dead: 0, unlinked: 0 }),
  add: addUp,
  merge: addUp,
  forget(findings) {
    findings.entries = 0;
    findings.dead = 0;
  },
  figures: ({ entries, dead }) => ({ entries, dead }),
  changes: ({ unlinked }) => ({ unlinked }),
};

function addUp(findings: ReclaimFindings, more: Reclaimed): void {
  findings.entries += more.entries;
  findings.dead += more.dead;
  findings.unlinked += more.unlinked;
}

/**
 * Batches of keys from which the cache's own reclaimer unlinks the invalidated ones. One script compares the entry's
 * header and unlinks, so that an entry written again meanwhile stays.
 */
export function reclaimBatches(
  send: SendCommands,
  reclaimer: Reclaimer,
  time: ServerWorkTime,
  { dryRun, only }: { readonly dryRun: boolean; readonly only: Glob | undefined },
): UntimedBatchReader<Reclaimed> {
  return async (cursor, count) => {
    const [next, keys] = await scan(send, cursor, count);
    const wanted = only ? keys.filter((key) => only.matches(key)) : keys;
    const entries = wanted.map(String).filter((key) => key.startsWith(`${CACHE_PREFIX}{`));
    const found = await time.of(reclaimer.reclaim(entries, { dryRun }));
    return { cursor: next, examined: keys.length, found };
  };
}
