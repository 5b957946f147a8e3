import type { StoredVersion } from '../../src/cache';
import type { Clock } from '../../src/clock';
import { defineEntity, type Entity } from '../../src/entities/define-entity';
import type { EntityStore, SaveOutcome, StoredRow, WriteRow } from '../../src/entities/entity-store';
import { entityRegistry } from '../../src/entities/registry';
import { PermanentStoreError } from '../../src/entities/store-errors';
import { NO_VERSION, type Version, versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { counterField } from '../../src/redis/counters';
import { readSettings } from '../../src/settings';
import type { NewDeadLetter } from '../../src/write-behind/dead-letters/dead-letter';
import { createFlusher } from '../../src/write-behind/flush/flusher';
import type { JournalConsumer } from '../../src/write-behind/journal/journal';
import { type Claim, isJson } from '../../src/write-behind/journal/journal-message';

/** A clock that moves on demand. */
export function fakeClock(start = Date.parse('2026-11-23T12:00:00Z')) {
  let at = start;
  return {
    now: () => at,
    forward: (ms: number) => {
      at += ms;
    },
  } satisfies Clock & { forward(ms: number): void };
}

/** Counters that can be read at once. */
export function countersInMemory() {
  const sums = new Map<string, number>();
  return {
    add: (name: string, labels = {}, by = 1) => {
      const field = counterField(name, labels);
      sums.set(field, (sums.get(field) ?? 0) + by);
    },
    set: (name: string, labels: Record<string, string>, value: number) =>
      void sums.set(counterField(name, labels), value),
    flush: async () => {},
    /** Of all labels together. */
    sum: (name: string) =>
      [...sums].filter(([field]) => field.startsWith(`${name}|`)).reduce((total, [, value]) => total + value, 0),
    get: (name: string, labels = {}) => sums.get(counterField(name, labels)) ?? 0,
  };
}

/** A store that passes the conformance suite, in memory; `before` may throw or wait. */
export function storeInMemory() {
  const rows = new Map<string, { value: string | null; version: Version }>();
  const calls: (readonly WriteRow[])[] = [];
  const store: EntityStore & {
    readonly rows: typeof rows;
    readonly calls: typeof calls;
    before: (rows: readonly WriteRow[]) => void | Promise<void>;
  } = {
    rows,
    calls,
    before: () => {},
    async loadMany(keys) {
      const found = new Map<string, StoredRow<unknown>>();
      for (const key of keys) {
        const row = rows.get(key);
        if (!row) continue;
        const { value, version } = row;
        found.set(
          key,
          value === null ? { deleted: true, version } : { deleted: false, value: JSON.parse(value), version },
        );
      }
      return found;
    },
    async saveMany(batch) {
      calls.push(batch);
      await store.before(batch);
      if (!batch.every(({ value }) => value === null || isJson(value)))
        throw new PermanentStoreError('no JSON', '22P02');
      return batch.map((row): SaveOutcome => {
        const stored = rows.get(row.key)?.version ?? NO_VERSION;
        if (row.version <= stored) return { saved: false, storedVersion: stored };
        rows.set(row.key, { value: row.value, version: row.version });
        return { saved: true };
      });
    },
    migrate: async () => {},
  };
  return store;
}

/** The queue as its consumers see it, in the time of the clock. */
export function journalInMemory(clock: Clock) {
  let waiting: { body: string; at: number; tries: number }[] = [];
  const claims = new Map<string, string>();
  const journal: JournalConsumer = {
    async put(body, delayMs) {
      waiting.push({ body, at: clock.now() + delayMs, tries: 0 });
    },
    readClaim: async (claim: Claim) => claims.get(claim.blob),
    dropClaims: async (dropped) => {
      for (const { blob } of dropped) claims.delete(blob);
    },
    async receive(most) {
      const visible = waiting.filter(({ at }) => at <= clock.now()).slice(0, most);
      waiting = waiting.filter((message) => !visible.includes(message));
      return visible.map(({ body }) => ({
        ...{ text: Buffer.from(body, 'base64').toString('utf8'), dequeueCount: 1 },
        done: async () => {},
      }));
    },
    depth: async () => waiting.length,
    oldest: async () => undefined,
  };
  return {
    ...journal,
    claims,
    /** Takes what is visible now, as the host would: parsed, all at once. */
    take(): { message: unknown; body: string }[] {
      const visible = waiting.filter(({ at }) => at <= clock.now());
      waiting = waiting.filter(({ at }) => at > clock.now());
      return visible.map(({ body }) => ({ body, message: JSON.parse(Buffer.from(body, 'base64').toString('utf8')) }));
    },
    size: () => waiting.length,
  };
}

/** A fence that remembers its calls; `before` may throw. */
export function fenceOfNotes() {
  const settled: StoredVersion[] = [];
  const discarded: string[] = [];
  const fence = {
    settled,
    discarded,
    before: (): void => {},
    async settle(stored: readonly StoredVersion[]) {
      fence.before();
      for (const { key, version } of stored) settled.push({ key, version });
    },
    async discard(key: string, version: Version) {
      fence.before();
      discarded.push(`${key} ${version}`);
    },
  };
  return fence;
}

export const settings = readSettings({});

/** A flusher over things in memory. */
export function flushRig(options: { readonly entities?: readonly Entity[] } = {}) {
  const clock = fakeClock();
  const store = storeInMemory();
  const journal = journalInMemory(clock);
  const fence = fenceOfNotes();
  const counters = countersInMemory();
  const letters: NewDeadLetter[] = [];
  const deadLetters = { put: async (letter: NewDeadLetter) => void letters.push(letter) };
  const entities = entityRegistry([defineEntity({ name: 'user:profile', store }), ...(options.entities ?? [])]);
  const make = (list = entities) =>
    createFlusher({ entities: list, fence, journal, deadLetters, settings, counters, logger: silentLogger, clock });
  const flusher = make();
  const base = clock.now() * 1_000;
  return {
    ...{ clock, store, journal, fence, counters, letters, flusher, make },
    /** A row of the wire, `n` microseconds after the start. */
    row: (id: string, n: number, value: unknown = { n }) => [
      `user:profile:${id}`,
      versionAt(base + n, 0),
      value === null ? null : JSON.stringify(value),
      clock.now(),
    ],
    flush: (rows: unknown, more: object = {}) =>
      flusher.flush({ format: 1, attempts: 0, rows, ...more }, { dequeueCount: 1 }),
    /** Delivers what is visible until nothing is. */
    async drain() {
      for (let turns = 0; turns < 1_000; turns++) {
        const messages = journal.take();
        if (messages.length === 0) return;
        await Promise.all(messages.map(({ message }) => flusher.flush(message, { dequeueCount: 1 })));
      }
      throw new Error('the journal does not drain');
    },
  };
}
