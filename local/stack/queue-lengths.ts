import type { Client } from '../../src/index';
import { within } from './within';

/** Messages in each queue of the app, those being worked on included; undefined if storage does not answer in time. */
export async function queueLengths(
  { storage, settings }: Client,
  ms: number,
): Promise<ReadonlyMap<string, number> | undefined> {
  const names = [settings.WRITE_BEHIND_QUEUE, settings.REFRESH_AHEAD_QUEUE, settings.SWEEP_QUEUE, settings.ALERT_QUEUE];
  const lengths = names.map(async (name) => {
    const { approximateMessagesCount = 0 } = await (await storage.queue(name, 'once')).getProperties();
    return [name, approximateMessagesCount] as const;
  });
  const entries = await within(ms, Promise.all(lengths)).catch(() => undefined);
  return entries && new Map(entries);
}
