import { QueueServiceClient } from '@azure/storage-queue';
import type { Client } from '../../src/index';
import type { Traffic } from '../web/traffic';
import type { StackConsole } from './console';

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

async function queues({ settings }: Client): Promise<string> {
  const connection = settings.AzureWebJobsStorage;
  if (!connection) return 'queues: not looked at';
  const service = QueueServiceClient.fromConnectionString(connection);
  const names = [settings.WRITE_BEHIND_QUEUE, settings.REFRESH_AHEAD_QUEUE, settings.SWEEP_QUEUE, settings.ALERT_QUEUE];
  const counts = await Promise.all(
    names.map(async (name) => {
      const { approximateMessagesCount = 0 } = await service
        .getQueueClient(name)
        .getProperties()
        .catch(() => ({}) as { approximateMessagesCount?: number });
      return approximateMessagesCount > 0 ? [`${name} ${approximateMessagesCount}`] : [];
    }),
  );
  const waiting = counts.flat();
  return waiting.length > 0 ? `waiting: ${waiting.join(', ')}` : 'nothing waiting';
}

async function keys({ redis }: Client): Promise<string> {
  const counts = await Promise.all(
    (['sessions', 'cache'] as const).map(async (store) => {
      const sizes = await Promise.all((await redis.nodes('masters', store)).map(({ client }) => client.dbsize()));
      return `${sizes.reduce((sum, size) => sum + size, 0)} ${store === 'cache' ? 'cache keys' : 'session keys'}`;
    }),
  ).catch(() => ['Redis does not answer']);
  return counts.join(', ');
}
