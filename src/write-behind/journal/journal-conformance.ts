import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Journal, JournalWrite } from '../../cache/ports';
import type { ConformanceCase } from '../../entities/store-conformance';
import { versionAt } from '../../entities/version';
import type { JournalConsumer } from './journal';
import { decodeMessage, encodeMessage, encodeRow, isClaim, type JournalRow } from './journal-message';

/**
 * What write-behind needs of a journal, as cases for any test runner; a second adapter passes them unchanged. `make`
 * gives a journal that is empty and that nobody else reads; it is called once a case.
 *
 * @example
 * for (const { title, run } of journalConformance(make)) it(title, run);
 */
export function journalConformance(make: () => Promise<Journal & JournalConsumer>): readonly ConformanceCase[] {
  const write = (n: number, value: string | null = JSON.stringify({ n })): JournalWrite => ({
    entity: 'user:profile',
    key: `user:profile:${randomUUID()}`,
    version: versionAt(1_700_000_000_000_000 + n, n % 1_000),
    value,
    acceptedAt: 1_700_000_000_000 + n,
  });
  const rowOf = ({ key, version, value, acceptedAt }: JournalWrite) => ({ key, version, value, acceptedAt });
  const byKey = (rows: readonly { key: string }[]) => [...rows].sort((a, b) => (a.key < b.key ? -1 : 1));

  const rowsOf = (text: string): readonly JournalRow[] => {
    const decoded = decodeMessage(text);
    assert.ok(decoded.kind === 'rows' && decoded.undecodable.length === 0);
    return decoded.message.rows;
  };
  /** Every row of every message now visible, taken out for good. */
  async function take(journal: JournalConsumer): Promise<readonly JournalRow[]> {
    const rows: JournalRow[] = [];
    for (;;) {
      const page = await journal.receive(32, 60);
      if (page.length === 0) return rows;
      for (const message of page) {
        rows.push(...rowsOf(message.text));
        await message.done();
      }
    }
  }
  const payloadOf = async (journal: JournalConsumer, { value }: JournalRow) =>
    isClaim(value) ? journal.readClaim(value) : value;

  const cases: Record<string, (journal: Journal & JournalConsumer) => Promise<void>> = {
    'what was appended is in it, to the letter': async (journal) => {
      const writes = [write(1), write(2, null), write(3, '"ü 😀 \\u0000 \\" \\n"'), write(4, 'null')];
      await Promise.all(writes.map((one) => journal.append(one)));
      assert.deepEqual(byKey(await take(journal)), byKey(writes.map(rowOf)));
    },
    'many callers at once each get their own answer': async (journal) => {
      const writes = Array.from({ length: 700 }, (_, n) => write(n));
      await Promise.all(writes.map((one) => journal.append(one)));
      assert.deepEqual(byKey(await take(journal)), byKey(writes.map(rowOf)));
    },
    'a write may be appended twice': async (journal) => {
      const one = write(1);
      await journal.append(one);
      await journal.append(one);
      assert.deepEqual(await take(journal), [rowOf(one), rowOf(one)]);
    },
    'a value of ten megabytes is in it, until its claim is dropped': async (journal) => {
      const value = JSON.stringify('x'.repeat(10_000_000));
      await journal.append(write(1, value));
      const [row] = await take(journal);
      assert.ok(row);
      assert.equal(await payloadOf(journal, row), value);
      if (!isClaim(row.value)) return;
      await journal.dropClaims([row.value]);
      assert.equal(await journal.readClaim(row.value), undefined);
      await journal.dropClaims([row.value]);
    },
    'a value of every size around that of a message is in it': async (journal) => {
      const writes = [48_000, 48_800, 48_900, 48_960, 49_152, 49_200, 65_536].map((size, n) =>
        write(n, JSON.stringify('x'.repeat(size))),
      );
      await Promise.all(writes.map((one) => journal.append(one)));
      const found = new Map<string, string | null | undefined>();
      for (const row of await take(journal)) found.set(row.key, await payloadOf(journal, row));
      for (const { key, value } of writes) assert.equal(found.get(key), value);
    },
    'a message is hidden from others while somebody has it, and back when they did not end it': async (journal) => {
      const one = write(1);
      await journal.append(one);
      const [first] = await journal.receive(32, 1);
      assert.equal(first?.dequeueCount, 1);
      assert.deepEqual(await journal.receive(32, 60), []);
      assert.equal(await journal.depth(), 1);
      const second = await backIn(journal);
      assert.equal(second.dequeueCount, 2);
      assert.deepEqual(rowsOf(second.text), [rowOf(one)]);
      // Too late: it is somebody else's now.
      await first.done();
      assert.equal(await journal.depth(), 1);
      await second.done();
      assert.equal(await journal.depth(), 0);
      await second.done();
    },
    'a message put back is delivered after its delay': async (journal) => {
      const row = rowOf(write(1));
      const body = encodeMessage({ attempts: 3 }, [encodeRow(row)]);
      await journal.put(body, 3_600_000);
      assert.deepEqual(await take(journal), []);
      assert.equal(await journal.depth(), 1);
      await journal.put(body, 0);
      assert.deepEqual(await take(journal), [row]);
    },
    'it says when the oldest of its visible writes was accepted': async (journal) => {
      assert.equal(await journal.oldest(), undefined);
      await journal.append(write(2));
      await journal.append(write(1));
      assert.equal(await journal.oldest(), 1_700_000_000_001);
    },
    'closing sends what waits, and refuses what comes later': async (journal) => {
      const one = write(1);
      const appended = journal.append(one);
      await journal.close();
      await appended;
      assert.deepEqual(await take(journal), [rowOf(one)]);
      await assert.rejects(journal.append(write(2)), { code: 'E_WRITE_REFUSED' });
      await journal.close();
    },
  };
  return Object.entries(cases).map(([title, run]) => ({ title, run: async () => run(await make()) }));
}

/** The next message that becomes visible, within 30 s. */
async function backIn(journal: JournalConsumer) {
  for (let looks = 0; looks < 300; looks++) {
    const [message] = await journal.receive(32, 60);
    if (message) return message;
    await pause(100);
  }
  assert.fail('Expected a message to be visible again after its second, got none in 30');
}
