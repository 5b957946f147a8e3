import type { Client } from '../../src/index';
import type { Traffic } from '../web/traffic';
import type { StackConsole } from './console';
import { queueLengths } from './queue-lengths';

/** A summary is due in any case: storage that does not answer within so long is said not to. */
const LOOK_MS = 2_000;

/** What was done since the last one, and what is behind: one line. */
export async function summaryLine(client: Client, console: StackConsole, traffic: Traffic): Promise<string> {
  const { requests, failed } = traffic.take();
  const runs = [...console.takeRuns()].map(
    ([job, count]) => `${job} ${count.runs}${count.failed > 0 ? ` (${count.failed} failed)` : ''}`,
  );
  const behind = await Promise.all([queues(client), keys(client)]);
  return [
    `-- ${requests} requests${failed > 0 ? ` (${failed} failed)` : ''}`,
    runs.length > 0 ? runs.join(', ') : 'no runs',
    ...behind,
  ].join(' | ');
}

async function queues(client: Client): Promise<string> {
  const lengths = await queueLengths(client, LOOK_MS);
  if (lengths === undefined) return 'storage does not answer';
  const waiting = [...lengths].filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`);
  return waiting.length > 0 ? `waiting: ${waiting.join(', ')}` : 'nothing waiting';
}

async function keys({ redis }: Client): Promise<string> {
  const counts = (['sessions', 'cache'] as const).map(async (store) => {
    const sizes = await Promise.all((await redis.nodes('masters', store)).map(({ client }) => client.dbsize()));
    return `${sizes.reduce((sum, size) => sum + size, 0)} ${store === 'cache' ? 'cache keys' : 'session keys'}`;
  });
  // A command to Redis has a deadline of its own.
  return Promise.all(counts).then(
    (counted) => counted.join(', '),
    () => 'Redis does not answer',
  );
}
