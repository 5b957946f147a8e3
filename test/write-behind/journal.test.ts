import { randomUUID } from 'node:crypto';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { systemClock } from '../../src/clock';
import { versionAt } from '../../src/entities/version';
import { type Logger, silentLogger } from '../../src/logger';
import { missing } from '../../src/optional-packages';
import { readSettings } from '../../src/settings';
import { type StorageClients, storageClients } from '../../src/storage/clients';
import { createStorageQueueJournal } from '../../src/write-behind';
import { journalConformance } from '../../src/write-behind/journal/journal-conformance';
import { decodeMessage, type JournalRow } from '../../src/write-behind/journal/journal-message';
import { createLinger } from '../../src/write-behind/journal/linger';
import { chaosProxy } from './chaos-proxy';
import { countersInMemory } from './support';

let azurite: RunningAzurite;
let proxy: Awaited<ReturnType<typeof chaosProxy>>;

beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await chaosProxy(azurite.connectionString);
});
afterAll(async () => {
  await proxy.stop();
  await azurite.stop();
});

/** A journal on a queue of its own; sends go through the proxy. */
async function journalOn(
  environment: Record<string, string> = {},
  // A queue that is there already: what a test then troubles is a send.
  {
    connection = proxy.connectionString,
    isThere = true,
    logger = silentLogger as Logger,
    queue = undefined as StorageClients['queue'] | undefined,
  } = {},
) {
  proxy.sends('pass');
  const name = `journal-${randomUUID().slice(0, 8)}`;
  const settings = readSettings({ AzureWebJobsStorage: connection, WRITE_BEHIND_QUEUE: name, ...environment });
  const counters = countersInMemory();
  const ports = { settings, counters, logger, clock: systemClock };
  const storage = { ...storageClients(settings), ...(queue && { queue }) };
  const journal = createStorageQueueJournal({ ...ports, storage });
  if (isThere) await storage.queue(name, 'once');
  const direct = storageClients({ ...settings, AzureWebJobsStorage: azurite.connectionString });
  const messages = async () => {
    const queue = await direct.queue(name);
    const found = [];
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 3_600 });
      if (receivedMessageItems.length === 0) return found;
      found.push(...receivedMessageItems);
    }
  };
  return {
    ...{ journal, counters, messages },
    async take(): Promise<JournalRow[]> {
      return (await messages()).flatMap(({ messageText }) => {
        const decoded = decodeMessage(Buffer.from(messageText, 'base64').toString('utf8'));
        if (decoded.kind !== 'rows' || decoded.undecodable.length > 0) throw new Error('undecodable');
        return [...decoded.message.rows];
      });
    },
  };
}

const write = (n: number, value = '{"a":1}') => ({
  entity: 'user:profile',
  key: `user:profile:${n}`,
  version: versionAt(1_700_000_000_000_000 + n, 0),
  value,
  acceptedAt: 1_700_000_000_000,
});
/** Short enough to wait for, and no shorter: a busy machine must get as far as sending. */
const fast = { WRITE_BEHIND_APPEND_TIMEOUT_MS: '1500' };
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'acknowledged',
    (error: { code?: string }) => error.code,
  );

describe('the journal on a storage queue', () => {
  for (const { title, run } of journalConformance(async () => (await journalOn()).journal)) it(title, run);

  it('sends messages that never expire, full ones of at most 64 KiB after base64', async () => {
    const { journal, messages } = await journalOn();
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => journal.append(write(n, JSON.stringify('x'.repeat(200))))),
    );
    const found = await messages();
    expect(found.length).toBeLessThan(12);
    for (const { messageText, expiresOn } of found) {
      expect(messageText.length).toBeLessThanOrEqual(65_536);
      expect(expiresOn.getUTCFullYear()).toBe(9999);
    }
  });

  it('lets writes of a few milliseconds share a message', async () => {
    const { journal, messages, counters } = await journalOn();
    await Promise.all(Array.from({ length: 50 }, (_, n) => journal.append(write(n))));
    const sent = (await messages()).length;
    expect(sent).toBeLessThan(10);
    expect(counters.sum('journal_writes')).toBe(50);
    expect(counters.sum('journal_messages')).toBe(sent);
  });

  it('refuses a value beyond the limit, and nothing is sent', async () => {
    const { journal, messages } = await journalOn({ WRITE_BEHIND_MAX_VALUE_BYTES: '1024' });
    expect(await codeOf(journal.append(write(1, JSON.stringify('x'.repeat(2_000)))))).toBe('E_WRITE_REFUSED');
    expect(await messages()).toEqual([]);
  });
});

describe('an append whose request fails', () => {
  it('is acknowledged when a repeat is taken, though the write is then there twice', async () => {
    const { journal, take } = await journalOn();
    let sends = 0;
    proxy.sends(() => (++sends === 1 ? 'cutAfter' : 'pass'));
    await journal.append(write(1));
    expect((await take()).map(({ key }) => key)).toEqual(['user:profile:1', 'user:profile:1']);
  });

  it.each([['cutBefore'], ['cutAfter'], ['freeze'], [500], [503]] as const)(
    'is unknown when every try ends with %s',
    async (trouble) => {
      const { journal, counters } = await journalOn(fast);
      proxy.sends(trouble);
      expect(await codeOf(journal.append(write(1)))).toBe('E_WRITE_UNKNOWN');
      expect(counters.sum('journal_unknown')).toBe(1);
    },
  );

  it.each([
    [403, 'Storage Queue did not take 1 write; it was not queued'],
    ['cutAfter', 'Storage Queue did not take 1 write; it may have been queued'],
  ] as const)('is one line in words after %s', async (trouble, line) => {
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: unknown, message: string) => void lines.push(message) };
    const { journal } = await journalOn(fast, { logger });
    proxy.sends(trouble);
    await codeOf(journal.append(write(1)));
    expect(lines).toEqual([line]);
  });

  it('is unknown when only the first try may have arrived', async () => {
    const { journal } = await journalOn(fast);
    let sends = 0;
    proxy.sends(() => (++sends === 1 ? 'cutAfter' : 403));
    expect(await codeOf(journal.append(write(1)))).toBe('E_WRITE_UNKNOWN');
  });

  it.each([[400], [403], [404], [413]])('is refused at once by a %i', async (status) => {
    const { journal, take } = await journalOn();
    proxy.sends(status);
    const before = proxy.requests;
    expect(await codeOf(journal.append(write(1)))).toBe('E_WRITE_REFUSED');
    expect(proxy.requests - before).toBe(1);
    expect(await take()).toEqual([]);
  });

  it('is refused with the package that is missing, which is no answer of the service', async () => {
    const absent = Object.assign(new Error("Cannot find package '@azure/storage-queue'"), { code: 'MODULE_NOT_FOUND' });
    const needs = missing('@azure/storage-queue@12', 'Storage queues');
    const { journal } = await journalOn({}, { isThere: false, queue: () => Promise.reject(absent).catch(needs) });
    await expect(journal.append(write(1))).rejects.toMatchObject({
      code: 'E_WRITE_REFUSED',
      message:
        'The write was not queued: Storage queues need the package @azure/storage-queue, which is not installed: npm install @azure/storage-queue@12',
      cause: { code: 'E_PACKAGE_MISSING' },
    });
  });

  it('is refused when nothing listens', async () => {
    const nobody = azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:1');
    const { journal } = await journalOn(fast, { connection: nobody, isThere: false });
    expect(await codeOf(journal.append(write(1)))).toBe('E_WRITE_REFUSED');
  });
});

describe('a slow journal', () => {
  it('refuses in time when not even its queue could be looked for', async () => {
    const { journal } = await journalOn(fast, { isThere: false });
    proxy.everything('freeze');
    expect(await codeOf(journal.append(write(1)))).toBe('E_WRITE_REFUSED');
  });

  it('makes those unknown that were sent, refuses those that never were, and serves again afterwards', async () => {
    const { journal, take } = await journalOn(fast);
    proxy.sends('freeze');
    const value = JSON.stringify('x'.repeat(20_000));
    // Two full messages are under way; the third waits for a slot that does not come.
    const fates = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => codeOf(journal.append(write(n, value)))));
    expect(new Set(fates.slice(0, 4))).toEqual(new Set(['E_WRITE_UNKNOWN']));
    expect(new Set(fates.slice(4))).toEqual(new Set(['E_WRITE_REFUSED']));
    proxy.sends('pass');
    await journal.append(write(7));
    expect((await take()).map(({ key }) => key)).toEqual(['user:profile:7']);
  });

  it('refuses at once what its buffer cannot hold', async () => {
    const { journal } = await journalOn({ ...fast, WRITE_BEHIND_BUFFER_BYTES: '65536' });
    proxy.sends('freeze');
    const value = JSON.stringify('x'.repeat(20_000));
    const fates = await Promise.all([1, 2, 3, 4, 5].map((n) => codeOf(journal.append(write(n, value)))));
    expect(fates.filter((code) => code === 'E_WRITE_REFUSED')).toHaveLength(2);
  });
});

describe('large values', () => {
  it('are refused at once beyond what may be on its way to storage, and one always has room', async () => {
    const limits = { WRITE_BEHIND_BUFFER_BYTES: '65536', WRITE_BEHIND_MAX_VALUE_BYTES: '150000' };
    const { journal, take } = await journalOn(limits);
    const value = JSON.stringify('x'.repeat(100_000));
    const fates = await Promise.all([1, 2, 3].map((n) => codeOf(journal.append(write(n, value)))));
    expect(fates).toEqual(['acknowledged', 'acknowledged', 'E_WRITE_REFUSED']);
    await journal.append(write(4, value));
    expect((await take()).map(({ key }) => key).sort()).toEqual([1, 2, 4].map((n) => `user:profile:${n}`));
  });
});

describe('lingering', () => {
  it('is 2 ms for the first, grows to 20 ms at the wanted rate, and shrinks in quiet', () => {
    let now = 0;
    const linger = createLinger(50, () => now);
    expect(linger.ms()).toBe(2);
    for (let n = 0; n < 100; n++) {
      now += linger.ms();
      linger.sent();
    }
    expect(linger.ms()).toBeGreaterThan(18);
    now += 1_000;
    expect(linger.ms()).toBe(2);
  });
});
