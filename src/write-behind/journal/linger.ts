/** How long a write may wait for others to share its message, in ms. */
export const LINGER_MS = { least: 2, most: 20 } as const;

export interface Linger {
  /** The current linger, in ms. */
  ms(): number;
  /** Counts a sent message. */
  sent(): void;
}

/**
 * A token bucket that refills at the wanted message rate. With a full bucket the linger is short; with an empty one it
 * is the longest, which gives 50 messages a second. So latency grows only under load.
 */
export function createLinger(messagesPerSecond: number, nowMs: () => number = () => performance.now()): Linger {
  const capacity = Math.max(2, messagesPerSecond / 5);
  let level = capacity;
  let at = nowMs();
  const refill = () => {
    const now = nowMs();
    level = Math.min(capacity, level + ((now - at) * messagesPerSecond) / 1_000);
    at = now;
  };
  return {
    ms() {
      refill();
      return LINGER_MS.least + (LINGER_MS.most - LINGER_MS.least) * (1 - level / capacity);
    },
    sent() {
      refill();
      level = Math.max(0, level - 1);
    },
  };
}
