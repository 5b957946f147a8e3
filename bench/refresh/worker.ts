import { setTimeout as sleep } from 'node:timers/promises';
import { createRefresher, createRefreshPlanner } from '../../src/refresh-ahead';
import { type Counted, type RefreshLoad, readThrough, type Span } from './load';
import { clientOf, fill, makers, type SubjectName } from './subjects';

export interface WorkerTask {
  readonly load: RefreshLoad;
  readonly role: SubjectName | 'jobs';
}

/** One process of the bench: a web app with one of the subjects, or the two jobs. Says what it counted at the end. */
export async function refreshWorker({ load, role }: WorkerTask): Promise<void> {
  const counted: Counted = { reads: 0, waits: 0, loads: 0, calls: 0 };
  let span: Span | undefined;
  const sent = new Promise<Span>((resolve) => process.once('message', resolve));
  if (role === 'jobs') {
    const client = clientOf(load, counted, () => span);
    process.send?.('ready');
    span = await sent;
    await runJobs(client, span);
    await client.close();
  } else {
    const subject = await makers[role](load, counted, () => span);
    await fill(subject, load);
    process.send?.('ready');
    span = await sent;
    await readThrough(load, subject.keyOf, subject.get, span, counted);
    await subject.close();
  }
  process.send?.(counted);
}

/** The planner each second, and as many workers as a small functions app would run. */
async function runJobs(client: ReturnType<typeof clientOf>, { to }: Span): Promise<void> {
  const planner = createRefreshPlanner(client);
  const refresher = createRefresher(client);
  const queue = await client.storage.queue(client.settings.REFRESH_AHEAD_QUEUE);
  const planning = async () => {
    for (; Date.now() < to; await sleep(1_000)) await planner.plan(new Date());
  };
  const working = async () => {
    while (Date.now() < to) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 16 });
      await Promise.all(
        receivedMessageItems.map(async ({ messageText, messageId, popReceipt }) => {
          await refresher.refresh(JSON.parse(Buffer.from(messageText, 'base64').toString('utf8')));
          await queue.deleteMessage(messageId, popReceipt);
        }),
      );
      if (receivedMessageItems.length === 0) await sleep(100);
    }
  };
  await Promise.all([planning(), working(), working()]);
}
