import { setTimeout as sleep } from 'node:timers/promises';
import { ours } from '../cache/servers';

/** One process of the stampede: reads the key it receives many times at once, and reports how often it loaded. */
export async function stampedeWorker(): Promise<void> {
  const { url, callers } = JSON.parse(process.env.STAMPEDE as string) as { url: string; callers: number };
  const { cache, close } = ours({ REDIS_URL: url }, { deadlineMs: 5_000 });
  process.on('message', async ({ key }: { key?: string }) => {
    if (key === undefined) {
      await close();
      process.exit(0);
    }
    let loads = 0;
    const load = async () => {
      loads += 1;
      await sleep(100);
      return 'loaded';
    };
    const started = performance.now();
    const values = await Promise.all(Array.from({ length: callers }, () => cache.get(key, load)));
    const wrong = values.filter((value) => value !== 'loaded').length;
    process.send?.({ loads, wrong, ms: performance.now() - started });
  });
  await cache.get('warm:up:1', () => 1);
  process.send?.({ ready: true });
}
