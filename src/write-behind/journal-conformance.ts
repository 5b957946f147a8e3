import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Journal, JournalWrite } from '../cache/ports';
import { versionAt } from '../entities/version';
import type { JournalConsumer } from './journal';
import { encodeMessage, encodeRow, type JournalRow } from './message';

/** An empty journal to try, and a way to look into it. */
export interface JournalUnderTest {
  readonly journal: Journal & JournalConsumer;
  /** Every row of every message now visible, taken out. */
  take(): Promise<readonly JournalRow[]>;
}

/**
 * What write-behind needs of a journal, as cases for any test runner; a second adapter passes them unchanged.
 *
 * @example
 * for (const { title, run } of journalConformance(make)) it(title, run);
 */
export function journalConformance(make: () => Promise<JournalUnderTest>) {
  const write = (n: number, value: string | null = JSON.stringify({ n })): JournalWrite => ({
    entity: 'user:profile',
    key: `user:profile:${randomUUID()}`,
    version: versionAt(1_700_000_000_000_000 + n, n % 1_000),
    value,
    acceptedAt: 1_700_000_000_000 + n,
  });
  const rowOf = ({ key, version, value, acceptedAt }: JournalWrite) => ({ key, version, value, acceptedAt });
  const byKey = (rows: readonly { key: string }[]) => [...rows].sort((a, b) => (a.key < b.key ? -1 : 1));

  const cases: Record<string, (given: JournalUnderTest) => Promise<void>> = {
    'what was appended is in it, to the letter': async ({ journal, take }) => {
      const writes = [write(1), write(2, null), write(3, '"ü 😀 \\u0000 \\" \\n"'), write(4, 'null')];
      await Promise.all(writes.map((one) => journal.append(one)));
      assert.deepEqual(byKey(await take()), byKey(writes.map(rowOf)));
    },
    'many callers at once each get their own answer': async ({ journal, take }) => {
      const writes = Array.from({ length: 700 }, (_, n) => write(n));
      await Promise.all(writes.map((one) => journal.append(one)));
      assert.deepEqual(byKey(await take()), byKey(writes.map(rowOf)));
    },
    'a write may be appended twice': async ({ journal, take }) => {
      const one = write(1);
      await journal.append(one);
      await journal.append(one);
      assert.deepEqual(await take(), [rowOf(one), rowOf(one)]);
    },
    'a value of ten megabytes is in it, by its claim, until the claim is dropped': async ({ journal, take }) => {
      const value = JSON.stringify('x'.repeat(10_000_000));
      await journal.append(write(1, value));
      const [row] = await take();
      const claim = row?.value;
      assert.ok(claim !== null && typeof claim === 'object');
      assert.equal(await journal.readClaim(claim), value);
      await journal.dropClaims([claim]);
      assert.equal(await journal.readClaim(claim), undefined);
      await journal.dropClaims([claim]);
    },
    'a value of every size around that of a message is in it': async ({ journal, take }) => {
      const writes = [48_000, 48_800, 48_900, 48_960, 49_152, 49_200, 65_536].map((size, n) =>
        write(n, JSON.stringify('x'.repeat(size))),
      );
      await Promise.all(writes.map((one) => journal.append(one)));
      const found = new Map<string, string | null | undefined>();
      for (const { key, value } of await take()) {
        found.set(key, typeof value === 'object' && value !== null ? await journal.readClaim(value) : value);
      }
      for (const { key, value } of writes) assert.equal(found.get(key), value);
    },
    'a message put back is delivered after its delay': async ({ journal, take }) => {
      const row = rowOf(write(1));
      const body = encodeMessage({ attempts: 3 }, [encodeRow(row)]);
      await journal.put(body, 3_600_000);
      assert.deepEqual(await take(), []);
      assert.equal(await journal.depth(), 1);
      await journal.put(body, 0);
      assert.deepEqual(await take(), [row]);
    },
    'closing sends what waits, and refuses what comes later': async ({ journal, take }) => {
      const one = write(1);
      const appended = journal.append(one);
      await journal.close();
      await appended;
      assert.deepEqual(await take(), [rowOf(one)]);
      await assert.rejects(journal.append(write(2)), { code: 'E_WRITE_REFUSED' });
      await journal.close();
    },
  };
  return Object.entries(cases).map(([title, run]) => ({ title, run: async () => run(await make()) }));
}
