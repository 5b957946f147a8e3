import { randomUUID } from 'node:crypto';
import { SECOND } from '../../clock';
import { JOB_RUNS_TABLE } from '../../monitoring/jobs';
import type { Settings } from '../../settings';
import type { StorageClients } from '../../storage/clients';
import { DEAD_LETTERS_CONTAINER, DEAD_LETTERS_TABLE } from '../../write-behind/dead-letters/dead-letter-store';
import { type Finding, ok } from '../finding';
import { checkClock } from './check-clock';
import { attempt } from './limited';

const advice =
  'Check AzureWebJobsStorage, the private endpoints of queue, table and blob, and the identity’s roles on each.';

/** What is sent to a queue is hidden for this long, and gone before anybody could see it. */
const HIDDEN_SECONDS = 60;

/**
 * The queues, the tables and a container of the jobs, made if they are missing, as the jobs would. Each is read, and
 * something of our own is written and deleted: a message that no function can see, a row and a blob beside theirs.
 */
export async function checkStorage(storage: StorageClients, settings: Settings): Promise<Finding[]> {
  const queues = [
    settings.WRITE_BEHIND_QUEUE,
    settings.REFRESH_AHEAD_QUEUE,
    settings.SWEEP_QUEUE,
    settings.ALERT_QUEUE,
  ];
  const findings = await Promise.all([
    ...queues.map((name) => checkQueue(storage, name)),
    checkTable(storage, DEAD_LETTERS_TABLE),
    checkTable(storage, JOB_RUNS_TABLE),
    checkContainer(storage),
  ]);
  return [...findings, await checkStorageClock(storage, settings.WRITE_BEHIND_QUEUE)];
}

const checkQueue = (storage: StorageClients, name: string): Promise<Finding> =>
  attempt('storage.queue', name, advice, async () => {
    const queue = await storage.queue(name);
    const { approximateMessagesCount = 0 } = await queue.getProperties();
    await queue.peekMessages({ numberOfMessages: 1 });
    // Hidden until it is deleted a moment later. If that fails, it expires a second after it could be seen.
    const probe = { visibilityTimeout: HIDDEN_SECONDS, messageTimeToLive: HIDDEN_SECONDS + 1 };
    const { messageId, popReceipt } = await queue.sendMessage(Buffer.from('{}').toString('base64'), probe);
    await queue.deleteMessage(messageId, popReceipt);
    return ok('storage.queue', `${name} holds about ${approximateMessagesCount} messages; may be read and written`);
  });

const checkTable = (storage: StorageClients, name: string): Promise<Finding> =>
  attempt('storage.table', name, advice, async () => {
    const table = await storage.table(name);
    await table.listEntities().byPage({ maxPageSize: 1 }).next();
    const row = { partitionKey: 'self-check', rowKey: randomUUID() };
    await table.createEntity(row);
    await table.deleteEntity(row.partitionKey, row.rowKey);
    return ok('storage.table', `${name} may be read and written`);
  });

const checkContainer = (storage: StorageClients): Promise<Finding> =>
  attempt('storage.blob', DEAD_LETTERS_CONTAINER, advice, async () => {
    const container = await storage.container(DEAD_LETTERS_CONTAINER);
    await container.listBlobsFlat().byPage({ maxPageSize: 1 }).next();
    const blob = container.getBlockBlobClient(`self-check/${randomUUID()}`);
    await blob.upload('{}', 2);
    await blob.downloadToBuffer();
    await blob.delete();
    return ok('storage.blob', `${DEAD_LETTERS_CONTAINER} may be read and written`);
  });

const checkStorageClock = (storage: StorageClients, queueName: string): Promise<Finding> =>
  attempt('storage.clock', 'storage', advice, async () => {
    const queue = await storage.queue(queueName);
    const before = Date.now();
    const { date } = await queue.getProperties();
    // The header has whole seconds.
    const theirs = date === undefined ? Number.NaN : date.getTime() + SECOND / 2;
    return checkClock('storage.clock', 'storage', theirs - (before + Date.now()) / 2);
  });
