import type { Act, History, ReadDone, WriteDone } from './plan';

export interface Bounds {
  /** How long another cache may serve what a tag or prefix invalidation has killed, in ms. */
  readonly generationMs: number;
  /** How long a copy may be served after its key was changed elsewhere, in ms. */
  readonly localMs: number;
}

export interface Stale {
  readonly key: string;
  readonly read: number;
  readonly expected: number;
  readonly by: Act;
  readonly from: string;
  readonly to: string;
  readonly began: number;
  readonly lagMs: number;
}

export interface Verdict {
  /** Reads older than an invalidation that was complete when they began, beyond the bound. Must be empty. */
  readonly stale: readonly Stale[];
  /** The longest that a read was behind a tag or prefix invalidation of another cache, in ms. */
  readonly longestGenerationLagMs: number;
  /** The longest that a copy was behind a change by another cache, in ms. */
  readonly longestLocalLagMs: number;
}

/** Judges every read by every invalidation of its key that was complete before the read began. */
export function check({ reads, writes }: Pick<History, 'reads' | 'writes'>, bounds: Bounds): Verdict {
  const stale: Stale[] = [];
  let [longestGenerationLagMs, longestLocalLagMs] = [0, 0];
  const byKey = Map.groupBy(
    writes.flatMap((write) => Object.entries(write.values).map(([key, value]) => ({ key, value, write }))),
    ({ key }) => key,
  );
  for (const list of byKey.values()) list.sort((a, b) => a.write.ended - b.write.ended);
  for (const read of reads) {
    for (const { value, write } of byKey.get(read.key) ?? []) {
      if (write.ended >= read.began) break;
      if (read.value >= value) continue;
      const lagMs = read.began - write.ended;
      const kind = excuseOf(read, write);
      const boundMs =
        kind === 'local'
          ? Math.max(bounds.localMs, bounds.generationMs)
          : kind === 'generation'
            ? bounds.generationMs
            : 0;
      if (lagMs > boundMs) {
        const { key, value: got, cache: to, began } = read;
        stale.push({ key, read: got, expected: value, by: write.act, from: write.cache, to, began, lagMs });
      } else if (kind === 'generation') {
        longestGenerationLagMs = Math.max(longestGenerationLagMs, lagMs);
      } else {
        longestLocalLagMs = Math.max(longestLocalLagMs, lagMs);
      }
      break; // the first one it missed is the longest ago
    }
  }
  return { stale, longestGenerationLagMs, longestLocalLagMs };
}

/** Why a read may be behind a write at all: in the cache that made it, and for strict reads, nothing excuses it. */
function excuseOf(read: ReadDone, write: WriteDone): 'local' | 'generation' | undefined {
  if (read.strict || read.cache === write.cache) return undefined;
  if (read.cache.endsWith('.local')) return 'local';
  return write.act === 'tag' || write.act === 'prefix' ? 'generation' : undefined;
}
