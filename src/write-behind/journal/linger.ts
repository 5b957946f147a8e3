/** How long a write waits for others to share its message, in ms. */
export const LINGER_MS = { least: 2, most: 20 } as const;

export interface Linger {
  /** As of now. */
  ms(): number;
  /** A message was sent. */
  sent(): void;
}

/**
 * A bucket of messages that refills at the wanted rate: full, nobody waits for long; empty, everybody waits the most,
 * which is 50 messages a second. Latency is given up only where it would cost more than it is worth.
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
