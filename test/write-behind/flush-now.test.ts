import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { TransientStoreError } from '../../src/entities/store-errors';
import { type Version, versionAt } from '../../src/entities/version';
import { deferred } from '../cache/rig';
import { startServices } from './services';
import { journalInMemory, storeInMemory } from './support';

const { rig, open } = startServices();

describe('flush of one key', () => {
  it('saves the write at once, and the journal’s copy changes nothing', async () => {
    const { web, jobs, stored, id } = await rig();
    const key = `user:profile:${id}`;
    const version = await web.cache.writeBehind(key, { name: 'Ada' });
    expect(await web.flush(key)).toBe(version);
    expect(await stored(key)).toEqual({ deleted: false, version, value: { name: 'Ada' } });
    expect(await web.redis.client('cache').pttl(physicalKey(key))).toBeLessThanOrEqual(700_000);
    expect(await web.flush(key)).toBeUndefined();
    expect(await jobs.flushAll()).toMatchObject({ saved: 0, superseded: 1, left: { messages: 0 } });
    expect(await web.cache.get(key)).toEqual({ name: 'Ada' });
  });

  it('saves a delete as its tombstone', async () => {
    const { web, stored, id } = await rig();
    const key = `user:profile:${id}`;
    await web.cache.writeBehind(key, { name: 'Ada' });
    const version = await web.cache.writeBehind(key, undefined);
    expect(await web.flush(key, { version })).toBe(version);
    expect(await stored(key)).toEqual({ deleted: true, version });
  });

  it('of a version is satisfied by a newer one', async () => {
    const { web, jobs, stored, id } = await rig();
    const key = `user:profile:${id}`;
    const version = await web.cache.writeBehind(key, { name: 'Ada' });
    const newer = await web.cache.writeBehind(key, { name: 'Grace' });
    expect(await web.flush(key, { version })).toBe(newer);
    await jobs.flushAll();
    expect(await stored(key)).toMatchObject({ version: newer, value: { name: 'Grace' } });
  });

  it('of a version that the cache has lost waits for the job', async () => {
    const { web, jobs, id } = await rig();
    const key = `user:profile:${id}`;
    const version = await web.cache.writeBehind(key, { name: 'Ada' });
    await web.redis.client('cache').del(physicalKey(key));
    expect(await web.flush(key)).toBeUndefined();
    const flushing = web.flush(key, { version });
    await jobs.flushAll();
    expect(await flushing).toBe(version);
  });

  it('says so when nobody saves it in time, and the write is still in the journal', async () => {
    const { web, jobs, stored, id } = await rig();
    const key = `user:profile:${id}`;
    const version = await web.cache.writeBehind(key, { name: 'Ada' });
    await web.redis.client('cache').del(physicalKey(key));
    await expect(web.flush(key, { version, deadlineMs: 150 })).rejects.toMatchObject({ code: 'E_FLUSH_TIMEOUT' });
    await jobs.flushAll();
    expect(await stored(key)).toMatchObject({ version });
  });

  it('does not outwait a store that hangs', async () => {
    const store = storeInMemory();
    const { web, id } = await rig(1, {}, { entities: [defineEntity({ name: 'user:profile', store })] });
    const gate = deferred();
    store.before = () => gate.promise;
    await web.cache.writeBehind(`user:profile:${id}`, 1);
    await expect(web.flush(`user:profile:${id}`, { deadlineMs: 100 })).rejects.toMatchObject({
      code: 'E_FLUSH_TIMEOUT',
    });
    gate.resolve();
  });

  it('throws what the store refuses, which stays in the journal and becomes a dead letter there', async () => {
    const { web, jobs, deadLetters, id } = await rig();
    const key = `product:catalog:${id}`;
    await web.cache.writeBehind(key, { name: 'Lamp', price: -5 });
    await expect(web.flush(key)).rejects.toMatchObject({ code: 'E_STORE_PERMANENT' });
    expect(await jobs.flushAll()).toMatchObject({ deadLetters: 1, left: { messages: 0 } });
    expect(await deadLetters.list()).toMatchObject([{ key, reason: 'refused' }]);
  });

  it('does not save a version from the future, which would outrank every right one', async () => {
    const { web, stored, id } = await rig();
    const key = `user:profile:${id}`;
    const version = versionAt((Date.now() + 3_600_000) * 1_000, 0);
    await web.fence.publish({ key, version, value: '{"name":"later"}' }, { ttlSeconds: 60 });
    await expect(web.flush(key)).rejects.toMatchObject({ code: 'E_VERSION' });
    expect(await stored(key)).toBeUndefined();
  });

  it('without Redis is answered by the store where a version is given, and else not at all', async () => {
    const { settings, web, jobs, id } = await rig();
    const key = `user:profile:${id}`;
    const version = await web.cache.writeBehind(key, { name: 'Ada' });
    await jobs.flushAll();
    const alone = open({
      settings: { ...settings, REDIS_URL: 'redis://127.0.0.1:1', REDIS_DEADLINE_MS: 250 },
      entities: [web.entities.of(key)!],
    });
    expect(await alone.flush(key, { version })).toBe(version);
    await expect(alone.flush(key)).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
  });

  it.each([
    ['user', 'E_KEY'],
    ['plain:thing:1', 'E_CACHE_INPUT'],
  ])('of %s is an error of the caller', async (key, code) => {
    const { web } = await rig();
    await expect(web.flush(key)).rejects.toMatchObject({ code });
  });
});

describe('flush of everything', () => {
  it('empties the journal, beside others that do the same', async () => {
    const { clients, jobs, stored, id } = await rig(3);
    const keys = Array.from({ length: 300 }, (_, n) => `user:profile:${id}-${n}`);
    await Promise.all(keys.map((key, n) => clients[n % 3]!.cache.writeBehind(key, { n: String(n) })));
    const reports = await Promise.all([jobs, ...clients].map((client) => client.flushAll()));
    expect(reports.reduce((sum, { saved }) => sum + saved, 0)).toBe(300);
    expect(reports.map(({ left }) => left.messages)).toEqual([0, 0, 0, 0]);
    for (const key of keys) expect(await stored(key)).toBeDefined();
  });

  it('says what is left at the deadline, and loses none of it', async () => {
    const store = storeInMemory();
    const { web, jobs, id } = await rig(1, {}, { entities: [defineEntity({ name: 'user:profile', store })] });
    store.before = () => {
      throw new TransientStoreError('down');
    };
    await web.cache.writeBehind(`user:profile:${id}`, 1);
    const { saved, left } = await jobs.flushAll({ deadlineMs: 200 });
    expect({ saved, messages: left.messages }).toEqual({ saved: 0, messages: 1 });
    store.before = () => {};
    expect(await jobs.flushAll()).toMatchObject({ saved: 1, left: { messages: 0 } });
  });
});

describe('closing', () => {
  it('ends the appends under way and says what is left for the jobs', async () => {
    const { web, jobs, id } = await rig();
    const keys = Array.from({ length: 20 }, (_, n) => `user:profile:${id}-${n}`);
    // With versions at hand nothing stands between these calls and their appends.
    const versions: Version[] = [];
    for (const key of keys) versions.push(await web.cache.takeVersion(key));
    const writes = keys.map((key, n) => web.cache.writeBehind(key, { n: String(n) }, { version: versions[n]! }));
    const end = await web.close();
    expect(await Promise.all(writes)).toEqual(versions);
    expect(end.flushesUnderWay).toBe(0);
    expect(end.left?.messages).toBeGreaterThan(0);
    await expect(web.cache.writeBehind(keys[0]!, { n: 'late' }, { version: versions[0]! })).rejects.toMatchObject({
      code: 'E_WRITE_REFUSED',
    });
    expect(await jobs.flushAll()).toMatchObject({ saved: 20 });
  });

  it('waits for the flushes under way', async () => {
    const store = storeInMemory();
    const { web, jobs, id } = await rig(1, {}, { entities: [defineEntity({ name: 'user:profile', store })] });
    await web.cache.writeBehind(`user:profile:${id}`, 1);
    const [begun, gate] = [deferred(), deferred()];
    store.before = () => {
      begun.resolve();
      return gate.promise;
    };
    const flushing = jobs.flushAll();
    await begun.promise;
    let closed = false;
    const closing = jobs.close().then((end) => {
      closed = true;
      return end;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(false);
    gate.resolve();
    expect((await closing).flushesUnderWay).toBe(0);
    await flushing.catch(() => {});
    expect(store.rows.size).toBe(1);
  });

  it('gives back the messages of flushes that do not end in time: another process saves them at once', async () => {
    const store = storeInMemory();
    const { web, jobs, id } = await rig(1, {}, { entities: [defineEntity({ name: 'user:profile', store })] });
    const version = await web.cache.writeBehind(`user:profile:${id}`, 1);
    const [begun, gate] = [deferred(), deferred()];
    store.before = () => {
      begun.resolve();
      return gate.promise;
    };
    const flushing = jobs.flushAll();
    await begun.promise;
    expect((await jobs.close({ flushesEndMs: 10 })).flushesUnderWay).toBe(1);
    store.before = async () => {};
    // The message itself is still hidden: what is saved here is its copy.
    expect(await web.flushAll()).toMatchObject({ saved: 1 });
    expect([...store.rows.values()]).toMatchObject([{ version }]);
    gate.resolve();
    await flushing.catch(() => {});
    expect(store.rows.size).toBe(1);
  });

  it('asks nothing of storage where write-behind was never used', async () => {
    const { web } = await rig();
    expect(await web.close()).toEqual({ flushesUnderWay: 0, left: undefined });
  });
});

it('another journal takes the place of the queue', async () => {
  const store = storeInMemory();
  const waiting = journalInMemory({ now: () => Date.now() });
  const appended: string[] = [];
  const journal = {
    ...waiting,
    async append({
      key,
      version,
      value,
      acceptedAt,
    }: {
      key: string;
      version: Version;
      value: string | null;
      acceptedAt: number;
    }) {
      appended.push(key);
      const rows = [[key, version, value, acceptedAt]];
      await waiting.put(Buffer.from(JSON.stringify({ format: 1, attempts: 0, rows })).toString('base64'), 0);
      return undefined;
    },
    close: async () => {},
  };
  const { web, id } = await rig(1, {}, { journal, entities: [defineEntity({ name: 'user:profile', store })] });
  await web.cache.writeBehind(`user:profile:${id}`, 1);
  expect(appended).toEqual([`user:profile:${id}`]);
  expect(await web.flushAll()).toMatchObject({ saved: 1 });
  expect(store.rows.size).toBe(1);
});
