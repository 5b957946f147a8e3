import { HOUR, MINUTE } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { PermanentStoreError } from '../../src/entities/store-errors';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import type { NewDeadLetter } from '../../src/write-behind/dead-letter';
import { createFlusher } from '../../src/write-behind/flusher';
import { countersInMemory, fakeClock, journalInMemory, settings, storeInMemory } from './support';

/**
 * A process that dies at its n-th step, before the step has its effect or right after: from then on nothing it asks
 * for happens, and nothing it waits for comes.
 */
class Mortal {
  steps = 0;
  dead = false;
  constructor(
    private readonly fatalStep: number,
    private readonly when: 'before' | 'after',
  ) {}

  wrap<T extends object>(port: T): T {
    const forever = () => new Promise<never>(() => {});
    return new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as unknown;
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          if (this.dead) return forever();
          const fatal = ++this.steps === this.fatalStep;
          if (fatal && this.when === 'before') {
            this.dead = true;
            return forever();
          }
          const settled = await Promise.resolve(method.apply(target, args)).then(
            (value: unknown) => () => value,
            (error: unknown) => () => {
              throw error;
            },
          );
          if (fatal) this.dead = true;
          return this.dead ? forever() : settled();
        };
      },
    });
  }
}

/** What outlives a crash, and a flusher of a process that may die. */
function world() {
  const clock = fakeClock();
  const store = storeInMemory();
  const journal = journalInMemory(clock);
  const letters = new Map<string, NewDeadLetter>();
  const deadLetters = {
    put: async (letter: NewDeadLetter) =>
      void letters.set(letter.kind === 'write' ? `${letter.key} ${letter.version}` : letter.payload, letter),
  };
  /** The cache as the fence leaves it: version and dirtiness of each entry. */
  const cache = new Map<string, { version: string; dirty: boolean }>();
  const fence = {
    async settle(
      rows: readonly { row: { key: string; version: string }; outcome: { saved: boolean; storedVersion?: string } }[],
    ) {
      for (const { row, outcome } of rows) {
        const stands = outcome.saved ? row.version : (outcome.storedVersion as string);
        const entry = cache.get(row.key);
        if (!entry) continue;
        if (entry.version === stands) entry.dirty = false;
        else if (entry.version < stands) cache.delete(row.key);
      }
    },
    async discard(key: string, version: string) {
      if (cache.get(key)?.version === version) cache.delete(key);
    },
  };
  const entities = entityRegistry([
    defineEntity({ name: 'user:profile', store }),
    defineEntity({ name: 'shop:item', store }),
  ]);
  const flusherOf = (process: Mortal) =>
    createFlusher({
      entities: entityRegistry(
        entities.all().map((entity) => ({ ...entity, store: process.wrap(store) })) as ReturnType<typeof entities.all>,
      ),
      fence: process.wrap(fence),
      journal: process.wrap(journal),
      deadLetters: process.wrap(deadLetters),
      ...{ settings, counters: countersInMemory(), logger: silentLogger, clock },
    });
  return { clock, store, journal, letters, cache, flusherOf };
}

/** Runs a message in a process that dies, then in ones that live until the journal is empty. */
async function crashAt(fatalStep: number, when: 'before' | 'after') {
  const made = world();
  const base = made.clock.now() * 1_000;
  const v = (n: number) => versionAt(base + n, 0);
  made.journal.claims.set('big', '"large"');
  made.store.before = (rows) => {
    if (rows.some(({ value }) => value === '"refused"')) throw new PermanentStoreError('refused', '23514');
  };
  const rows = [
    ['user:profile:a', v(1), '"old"', made.clock.now()],
    ['user:profile:a', v(2), '"new"', made.clock.now()],
    ['user:profile:b', v(3), null, made.clock.now()],
    ['user:profile:c', v(4), '"kept"', made.clock.now()],
    ['user:profile:c', v(5), '"refused"', made.clock.now()],
    ['user:profile:d', v(6), { blob: 'big', bytes: 7 }, made.clock.now()],
    ['shop:item:e', v(7), '"other"', made.clock.now()],
    ['not:here:f', v(8), '"held"', made.clock.now()],
    ['user:profile:g', versionAt(base + HOUR * 1_000, 0), '"future"', made.clock.now()],
    'nonsense',
  ];
  // Each acknowledged write is in the cache, dirty, as the writer left it.
  for (const [key, version] of rows.filter((row) => Array.isArray(row)) as [string, string][]) {
    made.cache.set(key, { version, dirty: true });
  }
  const message = { format: 1, attempts: 0, rows };

  const mortal = new Mortal(fatalStep, when);
  const run = made.flusherOf(mortal).flush(message, { dequeueCount: 1 });
  const died = await Promise.race([run.then(() => false), untilDead(mortal)]);
  if (died) {
    // The host has not deleted the message: another process gets it.
    await made.flusherOf(new Mortal(0, 'before')).flush(message, { dequeueCount: 2 });
  }
  for (let hours = 0; hours < 30; hours++) {
    made.clock.forward(HOUR);
    for (const again of made.journal.take()) {
      await made.flusherOf(new Mortal(0, 'before')).flush(again.message, { dequeueCount: 1 });
    }
  }
  return { ...made, died, v };
}

async function untilDead(process: Mortal): Promise<boolean> {
  for (let turns = 0; turns < 300; turns++) {
    if (process.dead) {
      // Let what is still under way come to rest.
      for (let more = 0; more < 20; more++) await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return new Promise(() => {});
}

it.each(['before', 'after'] as const)(
  'a crash %s any step of a flush loses, reorders and doubles nothing',
  async (when) => {
    let crashes = 0;
    for (let step = 1; ; step++) {
      const { store, letters, cache, journal, died, v } = await crashAt(step, when);
      if (!died) break;
      crashes++;
      const stored = Object.fromEntries([...store.rows].map(([key, { value, version }]) => [key, [value, version]]));
      expect({ step, stored }).toEqual({
        step,
        stored: {
          'user:profile:a': ['"new"', v(2)],
          'user:profile:b': [null, v(3)],
          'user:profile:c': ['"kept"', v(4)],
          'user:profile:d': ['"large"', v(6)],
          'shop:item:e': ['"other"', v(7)],
        },
      });
      const reasons = [...letters.values()].map(
        (letter) => `${letter.reason} ${letter.kind === 'write' ? letter.key : ''}`,
      );
      expect({ step, reasons: reasons.sort() }).toEqual({
        step,
        reasons: ['clock user:profile:g', 'entity not:here:f', 'refused user:profile:c', 'undecodable '],
      });
      // The cache agrees: nothing dirty is left, nothing shows another version than the store's.
      for (const [key, entry] of cache) {
        expect({ step, key, ...entry }).toEqual({ step, key, version: store.rows.get(key)?.version, dirty: false });
      }
      expect({ step, waiting: journal.size(), blobs: journal.claims.size }).toEqual({ step, waiting: 0, blobs: 0 });
    }
    // Enumerated, not sampled: the last step of all was passed without a crash.
    expect(crashes).toBeGreaterThanOrEqual(12);
  },
);

it('a crash of the writer after the append leaves a write that is saved, and never half of one', async () => {
  const made = world();
  const version = versionAt(made.clock.now() * 1_000, 0);
  made.cache.set('user:profile:a', { version: versionAt(made.clock.now() * 1_000 - 5, 0), dirty: false });
  // Appended, and the process died before it could publish.
  await made
    .flusherOf(new Mortal(0, 'before'))
    .flush(
      { format: 1, attempts: 0, rows: [['user:profile:a', version, '"x"', made.clock.now()]] },
      { dequeueCount: 1 },
    );
  made.clock.forward(MINUTE);
  expect(made.store.rows.get('user:profile:a')?.version).toBe(version);
  expect(made.cache.has('user:profile:a')).toBe(false);
});
