import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { quantile } from '../types';

/** How long a reader in another process waited, in ms. */
export interface Waits {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

export interface Measured<T> {
  readonly result: T;
  readonly waits: Waits;
}

/** Argument that turns a scenario's file into the reader's process. */
export const FOREGROUND = '--foreground';

/** Another process that reads one key every millisecond. */
export interface Foreground {
  /** What readers saw while `work` ran. */
  during<T>(work: () => Promise<T>): Promise<Measured<T>>;
  stop(): void;
}

export async function startForeground(file: string, url: string, key: string): Promise<Foreground> {
  const child: ChildProcess = fork(file, [FOREGROUND, url, key]);
  await once(child, 'message');
  return {
    async during(work) {
      child.send('begin');
      const result = await work();
      const answer = once(child, 'message');
      child.send('end');
      return { result, waits: (await answer)[0] as Waits };
    },
    stop: () => void child.kill(),
  };
}

/** The reader itself: one GET at a time, the next a millisecond after the last was answered or at once when late. */
export async function beForeground(url: string, key: string): Promise<void> {
  const client = new Redis(url);
  let waits: number[] = [];
  process.on('message', (order) => {
    if (order === 'begin') waits = [];
    else process.send?.({ p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), worst: Math.max(...waits) });
  });
  process.on('disconnect', () => process.exit(0));
  await client.ping();
  process.send?.('ready');
  for (;;) {
    const began = performance.now();
    await client.get(key);
    waits.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
