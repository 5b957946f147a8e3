import { systemClock } from '../../src/clock';
import { entityRegistry } from '../../src/entities/registry';
import { createSweeps } from '../../src/hygiene';
import { silentLogger } from '../../src/logger';
import { createCounters, createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';

/** A sweeper of its own process: plans, takes one message and works on it until it is killed. */
async function main(): Promise<void> {
  const settings = readSettings();
  const storage = storageClients(settings);
  const redis = createRedis({ settings, logger: silentLogger, role: 'child' });
  const sweeps = createSweeps({
    ...{ redis, storage, settings, logger: silentLogger, clock: systemClock },
    entities: entityRegistry([]),
    counters: createCounters({ redis, logger: silentLogger }),
  });
  await sweeps.plan(new Date());
  const queue = await storage.queue(settings.SWEEP_QUEUE);
  const { receivedMessageItems: received } = await queue.receiveMessages({ visibilityTimeout: 1 });
  const text = Buffer.from(received[0]?.messageText ?? '', 'base64').toString();
  await sweeps.workItem(JSON.parse(text));
}

void main();
