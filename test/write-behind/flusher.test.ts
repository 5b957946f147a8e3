import { MINUTE } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import type { WriteRow } from '../../src/entities/entity-store';
import { entityRegistry } from '../../src/entities/registry';
import { entityStoreConformance } from '../../src/entities/store-conformance';
import { PermanentStoreError, TransientStoreError } from '../../src/entities/store-errors';
import { versionAt } from '../../src/entities/version';
import { flushRig, storeInMemory } from './support';

const refusing = (bad: (row: WriteRow) => boolean) => (rows: readonly WriteRow[]) => {
  if (rows.some(bad)) throw new PermanentStoreError('The database refused a row (SQLSTATE 23514)', '23514');
};

describe('the store these tests use', () => {
  for (const { title, run } of entityStoreConformance({
    store: storeInMemory,
    entity: 'user:profile',
    value: (n) => ({ n }),
  })) {
    it(title, run);
  }
});

describe('a flush', () => {
  it('saves the newest of each key in one statement, sorted by key', async () => {
    const rig = flushRig();
    const report = await rig.flush([
      rig.row('b', 1),
      rig.row('a', 2),
      rig.row('b', 3, { last: true }),
      rig.row('b', 2),
    ]);
    expect(rig.store.calls).toHaveLength(1);
    expect(rig.store.calls[0]?.map((row) => row.key)).toEqual(['user:profile:a', 'user:profile:b']);
    expect(rig.store.rows.get('user:profile:b')?.value).toBe('{"last":true}');
    expect(report.figures).toMatchObject({ rows: 4, saved: 2, superseded: 2, fenced: 0, statements: 1 });
    expect(report.summary).toMatch(/^saved 2 writes, 2 superseded/);
  });

  it('keeps a delete as a tombstone, and put-delete-put ends with the last', async () => {
    const rig = flushRig();
    await rig.flush([rig.row('a', 1), rig.row('a', 2, null)]);
    expect(rig.store.rows.get('user:profile:a')).toMatchObject({ value: null });
    await rig.flush([rig.row('a', 3, 'back'), rig.row('a', 2, null)]);
    expect(rig.store.rows.get('user:profile:a')).toMatchObject({ value: '"back"' });
  });

  it('lets invocations that run at once share a statement', async () => {
    const rig = flushRig();
    const reports = await Promise.all(
      Array.from({ length: 16 }, (_, i) => rig.flush([rig.row(`k${i}`, 1), rig.row('shared', i)])),
    );
    expect(rig.store.calls).toHaveLength(1);
    expect(rig.store.calls[0]).toHaveLength(17);
    expect(reports.reduce((sum, { figures }) => sum + (figures.saved ?? 0), 0)).toBe(17);
    expect(reports[1]?.summary).toMatch(/^\d+ writes? saved by another run, in one statement with its own/);
  });

  it('settles every decided row after the commit, the fenced ones too', async () => {
    const rig = flushRig();
    await rig.flush([rig.row('a', 5)]);
    await rig.flush([rig.row('a', 4), rig.row('b', 1)]);
    expect(rig.fence.settled).toEqual([
      { key: 'user:profile:a', version: rig.row('a', 5)[1] },
      { key: 'user:profile:a', version: rig.row('a', 5)[1] },
      { key: 'user:profile:b', version: rig.row('b', 1)[1] },
    ]);
    expect(rig.counters.sum('write_behind_fenced')).toBe(1);
  });

  it('is not done before the cache was settled: a failing fence puts the rows back, and settles them later', async () => {
    const rig = flushRig();
    rig.fence.before = () => {
      throw new Error('redis is down');
    };
    const [newest, older] = [rig.row('a', 1), rig.row('a', 0)];
    const version = newest[1];
    expect((await rig.flush([newest, older])).figures).toMatchObject({ putBack: 2, saved: 0 });
    rig.fence.before = () => {};
    rig.clock.forward(10 * MINUTE);
    await rig.drain();
    expect(rig.fence.settled).toEqual([{ key: 'user:profile:a', version }]);
    expect(rig.journal.size()).toBe(0);
  });

  it('may be delivered twice', async () => {
    const rig = flushRig();
    const rows = [rig.row('a', 1), rig.row('b', 1)];
    await rig.flush(rows);
    expect((await rig.flush(rows)).figures).toMatchObject({ saved: 0, fenced: 2 });
  });

  it('measures the lag from the acceptance to the commit', async () => {
    const rig = flushRig();
    const rows = [rig.row('a', 1)];
    rig.clock.forward(700);
    expect((await rig.flush(rows)).figures.lagMs).toBe(700);
    expect(rig.counters.get('write_behind_lag_bucket', { entity: 'user:profile', le: '1000' })).toBe(1);
  });
});

describe('a transient failure', () => {
  it('puts the rows back with a growing, jittered delay, and completes the message', async () => {
    const rig = flushRig();
    rig.store.before = () => {
      throw new TransientStoreError('down');
    };
    const report = await rig.flush([rig.row('a', 1)]);
    expect(report.summary).toContain('1 put back for later');
    expect(report.failedWith).toBe('E_STORE_TRANSIENT');
    expect(rig.journal.take()).toHaveLength(0);
    rig.clock.forward(2_000);
    const [again] = rig.journal.take();
    expect(again?.message).toMatchObject({ format: 1, attempts: 1 });
  });

  it('of the journal itself throws, so that the host delivers the message again', async () => {
    const rig = flushRig();
    rig.store.before = () => {
      throw new TransientStoreError('down');
    };
    const broken = { ...rig.journal, put: () => Promise.reject(new Error('storage is down')) };
    Object.assign(rig.journal, broken);
    await expect(rig.flush([rig.row('a', 1)])).rejects.toThrow('storage is down');
  });

  it('of an unknown kind counts as transient: nothing is dropped because its error has no name', async () => {
    const rig = flushRig();
    rig.store.before = () => {
      throw new TypeError('a bug of a store');
    };
    expect((await rig.flush([rig.row('a', 1)])).figures).toMatchObject({ putBack: 1, deadLetters: 0 });
  });
});

describe('a row that can never be saved', () => {
  it('becomes a dead letter, and the rest are saved', async () => {
    const rig = flushRig();
    rig.store.before = refusing(({ key }) => key.endsWith(':7'));
    const report = await rig.flush(Array.from({ length: 33 }, (_, i) => rig.row(String(i), 1)));
    expect(report.figures).toMatchObject({ saved: 32, deadLetters: 1, putBack: 0 });
    expect(rig.letters).toMatchObject([
      { kind: 'write', reason: 'refused', key: 'user:profile:7', attempts: 1, payload: '{"n":1}' },
    ]);
    expect(rig.fence.discarded).toHaveLength(1);
  });

  it('is known by the code of its error, whichever bundle of the package the store comes from', async () => {
    const rig = flushRig();
    rig.store.before = () => {
      throw Object.assign(new Error('refused'), { code: 'E_STORE_PERMANENT', reason: '23514' });
    };
    expect((await rig.flush([rig.row('a', 1)])).figures).toMatchObject({ deadLetters: 1, putBack: 0 });
  });

  it('gives way to the next older write of its key', async () => {
    const rig = flushRig();
    rig.store.before = refusing(({ value }) => value === '"bad"');
    const rows = [rig.row('a', 1, 'first'), rig.row('a', 2, 'good'), rig.row('a', 3, 'bad'), rig.row('a', 4, 'bad')];
    const report = await rig.flush(rows);
    expect(rig.store.rows.get('user:profile:a')?.value).toBe('"good"');
    expect(report.figures).toMatchObject({ saved: 1, superseded: 1, deadLetters: 2 });
    expect(rig.letters.map((letter) => letter.kind === 'write' && letter.version)).toEqual([
      rows[3]?.[1],
      rows[2]?.[1],
    ]);
  });

  it('is not halved for ever if the store fails meanwhile', async () => {
    const rig = flushRig();
    let calls = 0;
    rig.store.before = () => {
      if (++calls === 1) throw new PermanentStoreError('refused', '22P05');
      throw new TransientStoreError('down');
    };
    expect((await rig.flush(Array.from({ length: 64 }, (_, i) => rig.row(String(i), 1)))).figures.putBack).toBe(64);
    expect(calls).toBe(2);
  });

  it('is put back where its dead letter can not be kept for now', async () => {
    const rig = flushRig();
    rig.store.before = refusing(() => true);
    rig.fence.before = () => {
      throw new Error('redis is down');
    };
    expect((await rig.flush([rig.row('a', 1)])).figures).toMatchObject({ putBack: 1, saved: 0 });
  });
});

describe('bad input', () => {
  it.each([
    ['text that is no JSON', 'hello {', 'not JSON'],
    ['a number', 17, 'not an object'],
    ['null', null, 'not an object'],
    ['an array', [1], 'not an object'],
    ['an object without a format', { rows: [] }, 'without a format'],
    ['an object without rows', { format: 1 }, 'without rows'],
  ])('%s is a dead letter', async (_, message, reason) => {
    const rig = flushRig();
    const report = await rig.flusher.flush(message, { dequeueCount: 2 });
    expect(report.figures.deadLetters).toBe(1);
    expect(rig.letters).toMatchObject([{ kind: 'message', reason: 'undecodable', attempts: 2 }]);
    expect(rig.letters[0]?.error).toContain(reason);
  });

  it.each([
    ['a row that is no list', 5],
    ['a key that breaks the convention', ['solo', versionAt(1, 0), '1', 0]],
    ['a version of too few digits', ['user:profile:a', '123', '1', 0]],
    ['a version beyond a bigint', ['user:profile:a', '9999999999999999999', '1', 0]],
    ['a value of another kind', ['user:profile:a', versionAt(1, 0), 5, 0]],
    ['no time', ['user:profile:a', versionAt(1, 0), '1']],
  ])('%s is a dead letter, and the other rows are saved', async (_, bad) => {
    const rig = flushRig();
    expect((await rig.flush([rig.row('good', 1), bad])).figures).toMatchObject({ saved: 1, deadLetters: 1 });
    expect(rig.letters).toMatchObject([{ kind: 'message', reason: 'undecodable', payload: JSON.stringify(bad) }]);
  });

  it.each([
    ['a store that refuses it', () => {}],
    [
      'a store that chokes on it',
      (rows: readonly WriteRow[]) => void rows.map(({ value }) => JSON.parse(value as string)),
    ],
  ])(
    'a value that is no JSON is a dead letter with %s, and gives way to the older write of its key',
    async (_, before) => {
      const rig = flushRig();
      rig.store.before = before;
      const bad = ['user:profile:a', rig.row('a', 2)[1], '1},{"k":"x"', 0];
      await rig.flush([rig.row('a', 1, 'good'), bad, rig.row('b', 1, 'good')]);
      rig.clock.forward(10 * MINUTE);
      await rig.drain();
      expect([...rig.store.rows.values()].map(({ value }) => value)).toEqual(['"good"', '"good"']);
      expect(rig.letters).toMatchObject([{ kind: 'write', reason: 'refused', key: 'user:profile:a', payload: bad[2] }]);
      expect(rig.journal.size()).toBe(0);
    },
  );

  it('a version from the future is a dead letter, and the older write of its key is saved', async () => {
    const rig = flushRig();
    const report = await rig.flush([rig.row('a', 6 * MINUTE * 1_000, 'future'), rig.row('a', 1, 'now')]);
    expect(report.figures).toMatchObject({ saved: 1, deadLetters: 1 });
    expect(rig.letters).toMatchObject([{ reason: 'clock', payload: '"future"' }]);
    expect(rig.store.rows.get('user:profile:a')?.value).toBe('"now"');
  });

  it('an unknown entity is held for a day, then a dead letter', async () => {
    const rig = flushRig();
    const order = ['shop:order:1', versionAt(rig.clock.now() * 1_000, 0), '{"n":1}', rig.clock.now()];
    expect((await rig.flush([rig.row('a', 1), order])).figures).toMatchObject({ saved: 1, held: 1, deadLetters: 0 });
    for (let hours = 0; hours < 23.5; hours += 0.5) {
      rig.clock.forward(30 * MINUTE);
      await rig.drain();
    }
    expect(rig.letters).toEqual([]);
    expect(rig.journal.size()).toBe(1);
    rig.clock.forward(60 * MINUTE);
    await rig.drain();
    expect(rig.letters).toMatchObject([{ kind: 'write', reason: 'entity', entity: 'shop:order', payload: '{"n":1}' }]);
    expect(rig.journal.size()).toBe(0);
  });

  it('an unknown entity is saved once a deployment knows it', async () => {
    const rig = flushRig();
    await rig.flush([['shop:order:1', versionAt(rig.clock.now() * 1_000, 0), '{"n":1}', rig.clock.now()]]);
    const orders = storeInMemory();
    const newer = rig.make(entityRegistry([defineEntity({ name: 'shop:order', store: orders })]));
    rig.clock.forward(5_000);
    for (const { message } of rig.journal.take()) await newer.flush(message, { dequeueCount: 1 });
    expect(orders.rows.get('shop:order:1')?.value).toBe('{"n":1}');
  });

  it('a message in a newer format is held whole for a day, then a dead letter', async () => {
    const rig = flushRig();
    const message = { format: 2, parts: [{ anything: true }] };
    await rig.flusher.flush(message, { dequeueCount: 1 });
    rig.clock.forward(5_000);
    const [held] = rig.journal.take();
    expect(held?.message).toMatchObject({ format: 1, attempts: 1, body: message });
    await rig.flusher.flush(held?.message, { dequeueCount: 1 });
    rig.clock.forward(25 * 60 * MINUTE);
    await rig.drain();
    expect(rig.letters).toMatchObject([{ kind: 'message', reason: 'format', payload: JSON.stringify(message) }]);
  });

  it('a message in a newer format that is too large to be held is a dead letter at once', async () => {
    const rig = flushRig();
    await rig.flusher.flush({ format: 2, text: 'x'.repeat(49_100) }, { dequeueCount: 1 });
    expect(rig.letters).toMatchObject([{ kind: 'message', reason: 'format' }]);
    expect(rig.journal.size()).toBe(0);
  });

  it('no field of a message shadows what the host says of it', async () => {
    const rig = flushRig();
    rig.store.before = () => {
      throw new TransientStoreError('down');
    };
    await rig.flush([rig.row('a', 1), ['shop:order:1', versionAt(1, 0), '1', 0]]);
    await rig.flusher.flush({ format: 9 }, { dequeueCount: 1 });
    rig.clock.forward(5_000);
    const names = rig.journal.take().flatMap(({ message }) => Object.keys(message as object));
    expect(new Set(names)).toEqual(new Set(['format', 'attempts', 'rows', 'heldSince', 'body']));
  });
});

describe('a value in a blob', () => {
  const claim = { blob: 'b1', bytes: 9 };
  const version = (rig: ReturnType<typeof flushRig>, n: number) => versionAt(rig.clock.now() * 1_000 + n, 0);

  it('is fetched, saved, and deleted after the commit', async () => {
    const rig = flushRig();
    rig.journal.claims.set('b1', '{"big":1}');
    rig.store.before = () => void expect(rig.journal.claims.size).toBe(1);
    await rig.flush([['user:profile:a', version(rig, 1), claim, rig.clock.now()]]);
    expect(rig.store.rows.get('user:profile:a')?.value).toBe('{"big":1}');
    expect(rig.journal.claims.size).toBe(0);
  });

  it('is kept while its row waits for the store', async () => {
    const rig = flushRig();
    rig.journal.claims.set('b1', '{"big":1}');
    rig.store.before = () => {
      throw new TransientStoreError('down');
    };
    await rig.flush([['user:profile:a', version(rig, 1), claim, rig.clock.now()]]);
    expect(rig.journal.claims.size).toBe(1);
    rig.store.before = () => {};
    rig.clock.forward(5_000);
    await rig.drain();
    expect(rig.store.rows.get('user:profile:a')?.value).toBe('{"big":1}');
  });

  it('that is gone is done where the store has the version, since the blob goes with the commit', async () => {
    const rig = flushRig();
    rig.journal.claims.set('b1', '{"big":1}');
    const rows = [['user:profile:a', version(rig, 1), claim, rig.clock.now()]];
    await rig.flush(rows);
    expect((await rig.flush(rows)).figures).toMatchObject({ fenced: 1, deadLetters: 0 });
    expect(rig.fence.settled.at(-1)).toEqual({ key: 'user:profile:a', version: rows[0]?.[1] });
  });

  it('that is gone before it was saved is a dead letter', async () => {
    const rig = flushRig();
    await rig.flush([['user:profile:a', version(rig, 1), claim, rig.clock.now()]]);
    expect(rig.letters).toMatchObject([{ reason: 'claim', key: 'user:profile:a', payload: undefined }]);
  });

  it('keeps its payload in the dead letter where the store refuses it', async () => {
    const rig = flushRig();
    rig.journal.claims.set('b1', '{"big":1}');
    rig.store.before = refusing(() => true);
    await rig.flush([['user:profile:a', version(rig, 1), claim, rig.clock.now()]]);
    expect(rig.letters).toMatchObject([{ reason: 'refused', payload: '{"big":1}' }]);
    expect(rig.journal.claims.size).toBe(0);
  });
});
