import { startWebServer } from '../../local/web/web-server';
import { createClient, createEntities, createKeyVaultSecrets, readSettings, SessionManager } from '../../src/index';

/** The sample web app as a process of its own: all it knows it has from its environment. */
async function main(): Promise<void> {
  const settings = readSettings();
  const client = createClient({ entities: createEntities, settings });
  await client.migrate();
  const secrets = createKeyVaultSecrets({
    vaultUrl: settings.KEY_VAULT_URL ?? '',
    clientId: settings.AzureWebJobsStorage__clientId,
  });
  // Deployed, `cookie` is left out; this one's visitors come without TLS.
  const sessions = new SessionManager({ redis: client.redis, secrets, cookie: { secure: false } });
  const web = await startWebServer({ cache: client.cache, sessions });
  process.once('SIGTERM', async () => {
    await web.stop();
    await client.close();
    process.exit(0);
  });
  process.stdout.write(`${JSON.stringify({ listening: web.address })}\n`);
}

void main();
