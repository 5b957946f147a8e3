import { coerceError } from '../../errors';
import type { Settings } from '../../settings';
import type { StorageClients } from '../../storage/clients';
import { type Finding, fault, ok, skipped, warning } from './finding';

const TIMEOUT_MS = 10_000;

/** The queues, a table and a container, made where they are missing, as the jobs would. */
export async function checkStorage(storage: StorageClients, settings: Settings): Promise<Finding[]> {
  const queues = [
    settings.WRITE_BEHIND_QUEUE,
    settings.REFRESH_AHEAD_QUEUE,
    settings.SWEEP_QUEUE,
    settings.ALERT_QUEUE,
  ];
  const advice =
    'Check AzureWebJobsStorage, the private endpoints of queue, table and blob, and the identity’s roles on each.';
  const reach = async (check: string, name: string, touch: () => Promise<string>): Promise<Finding> => {
    try {
      return ok(check, `${name} ${await limited(touch())}`);
    } catch (error) {
      return fault(check, `${name}: ${firstLine(error)}`, advice);
    }
  };
  return Promise.all([
    ...queues.map((name) =>
      reach('storage.queue', name, async () => {
        const properties = await (await storage.queue(name)).getProperties();
        return `holds about ${properties.approximateMessagesCount ?? 0} messages`;
      }),
    ),
    reach('storage.table', 'tables', async () => {
      await storage.table('doctor');
      return 'can be made and read';
    }),
    reach('storage.blob', 'containers', async () => {
      await storage.container('doctor');
      return 'can be made and read';
    }),
  ]);
}

/** Whether the webhook's host can be reached from here. Nothing is posted. */
export async function checkWebhook(settings: Settings): Promise<Finding> {
  const url = settings.ALERT_WEBHOOK_URL;
  if (url === undefined) return skipped('alerts.webhook', 'ALERT_WEBHOOK_URL is not set: alerts are only logged');
  try {
    const { host } = new URL(url);
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    return ok('alerts.webhook', `${host} answers (${response.status} to HEAD; nothing was posted)`);
  } catch (error) {
    return warning(
      'alerts.webhook',
      `the webhook can't be reached: ${firstLine((error as Error).cause ?? error)}`,
      'Allow egress to its host from this network, or correct ALERT_WEBHOOK_URL.',
    );
  }
}

function limited<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function firstLine(error: unknown): string {
  return coerceError(error).message.split('\n')[0] ?? '';
}
