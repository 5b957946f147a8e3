import { createClient } from '../../../src/client';
import { createEntities } from '../../../src/entities';
import { silentLogger } from '../../../src/logger';

/** The jobs' process: flushes until SIGTERM. Its settings are its environment. */
const client = createClient({ entities: createEntities, logger: silentLogger, role: 'app' });
let ending = false;
process.on('SIGTERM', () => {
  ending = true;
});

async function run(): Promise<void> {
  await client.migrate();
  process.send?.('ready');
  while (!ending) await client.flushAll({ deadlineMs: 500 });
  await client.close();
}
void run().then(() => process.exit(0));
