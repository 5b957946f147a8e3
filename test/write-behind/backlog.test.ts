import { MINUTE } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { PermanentStoreError, TransientStoreError } from '../../src/entities/store-errors';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { createLimitedJournal } from '../../src/write-behind';
import { countersInMemory, fakeClock, journalInMemory, storeInMemory } from './support';

function rig(environment: Record<string, string> = {}) {
  const clock = fakeClock();
  const store = storeInMemory();
  const counters = countersInMemory();
  const seen = { depth: 0, oldest: undefined as number | undefined, looks: 0 };
  const appended: string[] = [];
  const journal = createLimitedJournal({
    journal: {
      ...journalInMemory(clock),
      depth: async () => {
        seen.looks++;
        return seen.depth;
      },
      oldest: async () => seen.oldest,
      append: async ({ key }) => {
        appended.push(key);
        return undefined;
      },
      close: async () => {},
    },
    entities: entityRegistry([defineEntity({ name: 'user:profile', store })]),
    settings: readSettings({ WRITE_BEHIND_HARD_MESSAGES: '100', WRITE_BEHIND_SOFT_MESSAGES: '10', ...environment }),
    ...{ counters, logger: silentLogger, clock },
  });
  const write = (n: number) => ({
    ...{ entity: 'user:profile', key: `user:profile:${n}`, value: '1', acceptedAt: clock.now() },
    version: versionAt(clock.now() * 1_000 + n, 0),
  });
  return {
    ...{ clock, store, counters, seen, appended, journal, write },
    /** A write makes a look happen; the next goes by it. */
    async look() {
      clock.forward(6_000);
      await journal.append(write(0)).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

it('a write never waits for a look, and a look serves for five seconds', async () => {
  const { journal, write, seen } = rig();
  for (let n = 0; n < 100; n++) await journal.append(write(n));
  expect(seen.looks).toBe(1);
});

it('beyond the soft limit writes go on, and it is counted', async () => {
  const { journal, write, seen, counters, look, appended } = rig();
  seen.depth = 10;
  await look();
  await journal.append(write(1));
  expect(appended).toContain('user:profile:1');
  expect(counters.get('journal_backlog', { level: 'soft' })).toBe(1);
  expect(counters.get('journal_depth')).toBe(10);
});

it.each([
  ['too many messages', { depth: 100, age: 0 }],
  ['too old a write', { depth: 1, age: 13 * 60 * MINUTE }],
])('%s refuses writes, until the backlog is worked off', async (_, { depth, age }) => {
  const { journal, write, seen, look, clock } = rig();
  seen.depth = depth;
  seen.oldest = clock.now() - age;
  await look();
  await expect(journal.append(write(1))).rejects.toMatchObject({ code: 'E_WRITE_REFUSED' });
  seen.depth = 0;
  seen.oldest = undefined;
  await look();
  await expect(journal.append(write(2))).resolves.toBeUndefined();
});

it('an old backlog is no younger while all of it is hidden, and gone when the journal is empty', async () => {
  const { journal, write, seen, look, clock, counters } = rig();
  seen.depth = 5;
  seen.oldest = clock.now() - 13 * 60 * MINUTE;
  await look();
  seen.oldest = undefined;
  await look();
  await expect(journal.append(write(1))).rejects.toMatchObject({ code: 'E_WRITE_REFUSED' });
  expect(counters.get('journal_oldest_seconds')).toBeGreaterThan(13 * 60 * 60);
  seen.depth = 0;
  await look();
  await expect(journal.append(write(2))).resolves.toBeUndefined();
});

describe('with write-through', () => {
  const full = async () => {
    const made = rig({ WRITE_BEHIND_WHEN_FULL: 'write-through' });
    made.seen.depth = 100;
    await made.look();
    return made;
  };

  it('a write beyond the hard limit is saved at once, through the fence', async () => {
    const { journal, write, store } = await full();
    const one = write(1);
    expect(await journal.append(one)).toEqual({ saved: true });
    expect(store.rows.get(one.key)).toMatchObject({ version: one.version });
    expect(await journal.append({ ...write(0), key: one.key })).toEqual({ saved: false, storedVersion: one.version });
  });

  it.each([
    ['refused where the store can never take it', new PermanentStoreError('no', '23514'), 'E_WRITE_REFUSED'],
    ['unknown where the store did not answer', new TransientStoreError('down'), 'E_WRITE_UNKNOWN'],
  ])('is %s', async (_, error, code) => {
    const { journal, write, store } = await full();
    store.before = () => {
      throw error;
    };
    await expect(journal.append(write(1))).rejects.toMatchObject({ code });
  });
});

it('storage without a depth stops nobody', async () => {
  const { journal, write, seen } = rig();
  Object.defineProperty(seen, 'depth', {
    get: () => {
      throw new Error('down');
    },
  });
  await journal.append(write(1));
  await expect(journal.append(write(2))).resolves.toBeUndefined();
  await journal.close();
});
