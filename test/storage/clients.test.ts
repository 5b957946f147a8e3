import { startAzurite } from '../../local/servers';
import { readSettings } from '../../src/settings';
import { StorageSettingsError, storageClients } from '../../src/storage/clients';

describe('storage clients', () => {
  let azurite: Awaited<ReturnType<typeof startAzurite>>;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  test('make what is missing at first use, and keep one client a name', async () => {
    const storage = storageClients(
      readSettings({ AzureWebJobsStorage: azurite.connectionString, STORAGE_NAME_PREFIX: 'fresh' }),
    );
    const queue = await storage.queue('jobs');
    await queue.sendMessage('aGk=');
    expect((await queue.receiveMessages()).receivedMessageItems).toHaveLength(1);
    expect(await storage.queue('jobs')).toBe(queue);

    const table = await storage.table('samples');
    expect(table.tableName).toBe('freshsamples');
    await table.createEntity({ partitionKey: 'a', rowKey: 'b', value: 1 });

    const container = await storage.container('records');
    expect(container.containerName).toBe('fresh-records');
    expect(await container.exists()).toBe(true);
  });

  test('name the settings that are missing, at use and not before', async () => {
    const storage = storageClients(readSettings({}));
    await expect(storage.queue('jobs')).rejects.toThrow(StorageSettingsError);
    await expect(storage.queue('jobs')).rejects.toThrow(/AzureWebJobsStorage or AzureWebJobsStorage__accountName/);
  });

  test('a failure to reach storage is not kept: the next call tries again', async () => {
    const dead = azurite.connectionString.replace(/:\d+\//g, ':1/');
    const storage = storageClients(readSettings({ AzureWebJobsStorage: dead }));
    const first = storage.table('samples');
    await expect(first).rejects.toThrow();
    const second = storage.table('samples');
    expect(second).not.toBe(first);
    await expect(second).rejects.toThrow();
  }, 120_000);
});
