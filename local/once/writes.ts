import type { Visitors } from '../web/visitors';
import type { AcknowledgedWrite, WriteEvidence } from './evidence';
import { paced } from './pace';

const AT_ONCE = 48;

/** Writes profiles behind, each key again and again, and keeps what was acknowledged. A refused write is not repeated. */
export async function makeWrites(
  visitors: Visitors,
  { run, writes, keys, durationMs }: { run: string; writes: number; keys: number; durationMs: number },
): Promise<WriteEvidence> {
  const newest = new Map<string, AcknowledgedWrite>();
  let acknowledged = 0;
  let failed = 0;
  await paced(writes, durationMs, AT_ONCE, async (sequence) => {
    const id = `once-${run}-${sequence % keys}`;
    try {
      const version = await visitors.write(id, { name: `User ${id}`, plan: 'team', sequence });
      acknowledged += 1;
      const key = `user:profile:${id}`;
      // Versions are decimals of one length: as strings they are in order.
      if (version > (newest.get(key)?.version ?? '')) newest.set(key, { version, sequence });
    } catch {
      failed += 1;
    }
  });
  return { acknowledged, failed, newest };
}
