import type { Visitors } from '../web/visitors';
import type { AcknowledgedWrite, WriteEvidence } from './evidence';
import { evenly, retried } from './steady-load';

const AT_ONCE = 48;

/** Writes profiles behind, each key again and again, and keeps what was acknowledged. */
export async function makeWrites(
  visitors: Visitors,
  { run, writes, keys, durationMs }: { run: string; writes: number; keys: number; durationMs: number },
): Promise<WriteEvidence> {
  const newest = new Map<string, AcknowledgedWrite>();
  let acknowledged = 0;
  let failed = 0;
  await evenly(writes, durationMs, AT_ONCE, async (sequence) => {
    const id = `once-${run}-${sequence % keys}`;
    const profile = { name: `User ${id}`, plan: 'team', sequence };
    const version = await retried(
      () => visitors.write(id, profile),
      () => {
        failed += 1;
      },
    );
    acknowledged += 1;
    const key = `user:profile:${id}`;
    // Versions are decimals of one length: as strings they are in order.
    if (version > (newest.get(key)?.version ?? '')) newest.set(key, { version, sequence });
  });
  return { acknowledged, failed, newest };
}
