import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `work` for 0 to count - 1, evenly over `durationMs`, at most `limit` at once. Rejects with its first failure. */
export async function evenly(
  count: number,
  durationMs: number,
  limit: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      const wait = began + (index * durationMs) / count - performance.now();
      if (wait > 1) await sleep(wait);
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** As a client of the web app would: tries again a little later, and rejects with the last failure. */
export async function retried<T>(request: () => Promise<T>, onFailure: () => void = () => {}): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error: unknown) {
      onFailure();
      if (attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * attempt);
    }
  }
}
