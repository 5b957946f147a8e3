import { randomUUID } from 'node:crypto';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { systemClock } from '../../src/clock';
import { type Version, versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import {
  createDeadLetters,
  createPoisonDrain,
  createStorageQueueJournal,
  type NewDeadLetter,
} from '../../src/write-behind';
import { countersInMemory, fakeClock, fenceOfNotes } from './support';

let azurite: RunningAzurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

function rig() {
  const id = randomUUID().replaceAll('-', '').slice(0, 8);
  const settings = readSettings({
    AzureWebJobsStorage: azurite.connectionString,
    STORAGE_NAME_PREFIX: `t${id}`,
    WRITE_BEHIND_QUEUE: `journal-${id}`,
  });
  const storage = storageClients(settings);
  const counters = countersInMemory();
  const clock = fakeClock();
  const journal = createStorageQueueJournal({ storage, settings, counters, logger: silentLogger, clock: systemClock });
  const deadLetters = createDeadLetters({ storage, counters, logger: silentLogger, clock });
  const fence = fenceOfNotes();
  const queues = { writeBehind: settings.WRITE_BEHIND_QUEUE, others: [`sweep-${id}`] };
  const poison = createPoisonDrain({ storage, journal, deadLetters, fence, queues, counters, logger: silentLogger });
  const bodies = async (name: string): Promise<unknown[]> => {
    const queue = await storage.queue(name);
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 3_600 });
    return receivedMessageItems.map(({ messageText }) => JSON.parse(Buffer.from(messageText, 'base64').toString()));
  };
  const send = async (name: string, body: unknown) =>
    (await storage.queue(name)).sendMessage(
      typeof body === 'string' ? body : Buffer.from(JSON.stringify(body)).toString('base64'),
    );
  return { storage, counters, clock, journal, deadLetters, fence, queues, poison, bodies, send };
}

const letter = (key: string, payload: string | null = '{"a":1}', n = 1): NewDeadLetter => ({
  kind: 'write',
  entity: 'user:profile',
  key,
  version: versionAt(1_700_000_000_000_000 + n, 7),
  acceptedAt: 1_700_000_000_123,
  reason: 'refused',
  error: 'The database refused a row (SQLSTATE 23514)',
  attempts: 1,
  payload,
});

describe('dead letters', () => {
  it('are kept with all that is known of them', async () => {
    const { deadLetters, clock, counters } = rig();
    await deadLetters.put(letter('user:profile:1'));
    const [found] = await deadLetters.list();
    expect(found).toMatchObject({
      ...{ kind: 'write', entity: 'user:profile', key: 'user:profile:1', reason: 'refused', attempts: 1 },
      ...{ firstAt: clock.now(), lastAt: clock.now(), payloadBytes: 7, acceptedAt: 1_700_000_000_123 },
    });
    expect(found).not.toHaveProperty('payload');
    expect(await deadLetters.show(found?.letterId as string)).toMatchObject({ payload: '{"a":1}' });
    expect(counters.get('write_behind_dead_letters', { reason: 'refused' })).toBe(1);
  });

  it('are one, however often a write is put aside', async () => {
    const { deadLetters, clock } = rig();
    await deadLetters.put(letter('user:profile:1'));
    const first = clock.now();
    clock.forward(60_000);
    await deadLetters.put(letter('user:profile:1'));
    const found = await deadLetters.list();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ attempts: 2, firstAt: first, lastAt: first + 60_000 });
    await deadLetters.put(letter('user:profile:1', '{"a":1}', 2));
    expect(await deadLetters.list()).toHaveLength(2);
  });

  it.each([
    ['a delete', null],
    ['an empty text', '""'],
    ['a megabyte', JSON.stringify('ü'.repeat(500_000))],
    ['just over what a table holds', JSON.stringify('x'.repeat(30_000))],
  ])('keep %s to the letter', async (_, payload) => {
    const { deadLetters } = rig();
    await deadLetters.put(letter('user:profile:1', payload));
    const [found] = await deadLetters.list();
    expect((await deadLetters.show(found?.letterId as string))?.payload).toBe(payload);
    expect(await deadLetters.discard(found?.letterId as string)).toBe(true);
    expect(await deadLetters.show(found?.letterId as string)).toBeUndefined();
  });

  it('take keys and entities that Table Storage would refuse', async () => {
    const { deadLetters } = rig();
    await deadLetters.put({ ...letter('we/ird:en#tity?:1\\2/%'), entity: "we/ird:en#t'ity?" } as NewDeadLetter);
    const [found] = await deadLetters.list({ entity: "we/ird:en#t'ity?" });
    expect((await deadLetters.show(found?.letterId as string))?.payload).toBe('{"a":1}');
  });

  it('are listed by entity, and no more than asked for', async () => {
    const { deadLetters } = rig();
    for (let n = 0; n < 5; n++) await deadLetters.put(letter(`user:profile:${n}`));
    await deadLetters.put({ ...letter('shop:order:1'), entity: 'shop:order' } as NewDeadLetter);
    expect(await deadLetters.list({ entity: 'shop:order' })).toHaveLength(1);
    expect(await deadLetters.list({ limit: 3 })).toHaveLength(3);
  });

  it('are replayed with their version, and are then gone', async () => {
    const { deadLetters, journal, queues, bodies } = rig();
    await deadLetters.put(letter('user:profile:1'));
    const [found] = await deadLetters.list();
    expect(await deadLetters.replay(found?.letterId as string, journal)).toBe(true);
    const { version } = letter('user:profile:1') as { version: Version };
    expect(await bodies(queues.writeBehind)).toEqual([
      { format: 1, attempts: 0, rows: [['user:profile:1', version, '{"a":1}', 1_700_000_000_123]] },
    ]);
    expect(await deadLetters.list()).toEqual([]);
  });

  it('of a message are replayed as that message', async () => {
    const { deadLetters, journal, queues, bodies } = rig();
    const payload = '{"format":2,"parts":[1]}';
    await deadLetters.put({ kind: 'message', reason: 'format', error: 'newer', attempts: 3, payload });
    const [found] = await deadLetters.list();
    await deadLetters.replay(found?.letterId as string, journal);
    expect(await bodies(queues.writeBehind)).toEqual([JSON.parse(payload)]);
  });

  it('whose value is gone are shown and discarded, but never replayed as a delete', async () => {
    const { deadLetters, journal, queues, bodies } = rig();
    await deadLetters.put({ ...letter('user:profile:1'), reason: 'claim', payload: undefined } as NewDeadLetter);
    const [found] = await deadLetters.list();
    const letterId = found?.letterId as string;
    expect((await deadLetters.show(letterId))?.payload).toBeUndefined();
    await expect(deadLetters.replay(letterId, journal)).rejects.toMatchObject({ code: 'E_DEAD_LETTER' });
    expect(await bodies(queues.writeBehind)).toEqual([]);
    expect(await deadLetters.discard(letterId)).toBe(true);
  });

  it('that are not there are not found', async () => {
    const { deadLetters, journal } = rig();
    for (const letterId of ['', 'nothing', 'a/b', 'user:profile/x']) {
      expect(await deadLetters.show(letterId)).toBeUndefined();
      expect(await deadLetters.discard(letterId)).toBe(false);
      expect(await deadLetters.replay(letterId, journal)).toBe(false);
    }
  });
});

describe('the poison drain', () => {
  const version = versionAt(1_700_000_000_000_000, 0);
  const row = (n: number) => [`user:profile:${n}`, version, '1', 1_700_000_000_000];

  it('journals a message again once, one row a message, and deletes it', async () => {
    const { poison, send, bodies, queues, deadLetters } = rig();
    await send(`${queues.writeBehind}-poison`, { format: 1, attempts: 4, rows: [row(1), row(2)] });
    expect((await poison.drain()).figures).toEqual({ again: 1, dead: 0, dropped: 0 });
    expect(await bodies(queues.writeBehind)).toEqual([
      { format: 1, attempts: 4, drained: 1, rows: [row(1)] },
      { format: 1, attempts: 4, drained: 1, rows: [row(2)] },
    ]);
    expect((await poison.drain()).summary).toBe('no poison messages');
    expect(await deadLetters.list()).toEqual([]);
  });

  it('makes a dead letter of what comes back, and its cached entry goes', async () => {
    const { poison, send, bodies, queues, deadLetters, fence } = rig();
    await send(`${queues.writeBehind}-poison`, { format: 1, attempts: 4, drained: 1, rows: [row(1)] });
    expect((await poison.drain()).figures.dead).toBe(1);
    expect(await deadLetters.list()).toMatchObject([{ reason: 'poison', key: 'user:profile:1' }]);
    expect(fence.discarded).toEqual([`user:profile:1 ${version}`]);
    expect(await bodies(queues.writeBehind)).toEqual([]);
  });

  it.each([
    ['no base64', 'not base64 at all!'],
    ['no JSON', Buffer.from('hello {').toString('base64')],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80]).toString('base64')],
    ['another shape', { hello: 1 }],
  ])('makes a dead letter of %s', async (_, body) => {
    const { poison, send, queues, deadLetters } = rig();
    await send(`${queues.writeBehind}-poison`, body);
    expect((await poison.drain()).figures.dead).toBe(1);
    expect(await deadLetters.list()).toMatchObject([{ kind: 'message', reason: 'undecodable' }]);
  });

  it('journals a newer format again as it stands', async () => {
    const { poison, send, bodies, queues } = rig();
    await send(`${queues.writeBehind}-poison`, { format: 2, parts: [] });
    await poison.drain();
    expect(await bodies(queues.writeBehind)).toEqual([{ format: 2, parts: [] }]);
  });

  it('drops and counts what other queues have, since their timers make it again', async () => {
    const { poison, send, queues, counters } = rig();
    for (let n = 0; n < 40; n++) await send(`${queues.others[0]}-poison`, { n });
    const report = await poison.drain();
    expect(report.summary).toBe('0 poison messages journalled again, 0 put aside, 40 of other queues dropped');
    expect(counters.get('poison_drained', { queue: queues.others[0] })).toBe(40);
  });

  it('leaves a message there when the journal does not take it', async () => {
    const { storage, send, queues, deadLetters, fence, counters, journal } = rig();
    await send(`${queues.writeBehind}-poison`, { format: 1, attempts: 0, rows: [row(1)] });
    const broken = { ...journal, put: () => Promise.reject(new Error('storage is down')) };
    const drain = createPoisonDrain({
      ...{ storage, queues, deadLetters, fence, counters, journal: broken, logger: silentLogger },
    });
    await expect(drain.drain()).rejects.toThrow('storage is down');
    const queue = await storage.queue(`${queues.writeBehind}-poison`);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
  });
});
