import { sampleSessions } from '../../local/web/web-app';
import { startWebServer } from '../../local/web/web-server';
import { createClient, createEntities } from '../../src/index';

/** The sample web app as a process of its own: all it knows it has from its environment. */
async function main(): Promise<void> {
  const client = createClient({ entities: createEntities });
  await client.migrate();
  const web = await startWebServer({ cache: client.cache, sessions: sampleSessions(client.redis) });
  process.once('SIGTERM', async () => {
    await web.stop();
    await client.close();
    process.exit(0);
  });
  process.stdout.write(`${JSON.stringify({ listening: web.address })}\n`);
}

void main();
