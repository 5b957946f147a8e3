import type { Client } from '../../src/client';
import { createEntities } from '../../src/entities';
import { physicalKey } from '../../src/entities/key';
import { startServices } from './services';

const { rig, open, forget } = startServices();

describe('write-behind, from the web app to the database', () => {
  it('is seen at once, saved later, and then no longer dirty', async () => {
    const { web, drain, stored, id } = await rig();
    const key = `user:profile:${id}`;
    await web.cache.writeBehind(key, { name: 'Ada' });
    expect(await web.cache.get(key)).toEqual({ name: 'Ada' });
    expect(await stored(key)).toBeUndefined();
    await drain();
    expect(await stored(key)).toMatchObject({ deleted: false, value: { name: 'Ada' } });
    expect(await web.cache.get(key)).toEqual({ name: 'Ada' });
    const ttl = await web.redis.client('cache').pttl(physicalKey(key));
    expect(ttl).toBeLessThanOrEqual(700_000);
  });

  it('ends with the newest of each key, from several processes at once', async () => {
    const { clients, web, drain, stored, id } = await rig(3);
    const newest = new Map<string, { version: string; n: number }>();
    await Promise.all(
      Array.from({ length: 600 }, async (_, n) => {
        const key = `user:profile:${id}-${n % 40}`;
        const client = clients[n % clients.length] as Client;
        const version = await client.cache.writeBehind(key, { name: String(n) });
        if (version > (newest.get(key)?.version ?? '')) newest.set(key, { version, n });
      }),
    );
    await drain();
    for (const [key, { version, n }] of newest) {
      expect(await stored(key)).toEqual({ deleted: false, version, value: { name: String(n) } });
      expect(await web.cache.get(key)).toEqual({ name: String(n) });
    }
  });

  it('deletes with a tombstone, and the cache shows no row before and after', async () => {
    const { web, drain, stored, id } = await rig();
    const key = `user:profile:${id}`;
    await web.cache.writeBehind(key, { name: 'Ada' });
    await drain();
    await web.cache.writeBehind(key, undefined);
    expect(await web.cache.get(key)).toBeUndefined();
    await drain();
    expect(await stored(key)).toMatchObject({ deleted: true });
    expect(await web.cache.get(key)).toBeUndefined();
    await web.cache.writeBehind(key, { name: 'Back' });
    await drain();
    expect(await stored(key)).toMatchObject({ value: { name: 'Back' } });
  });

  it('survives a cache that forgot everything', async () => {
    const { web, drain, stored, id } = await rig();
    const keys = Array.from({ length: 20 }, (_, n) => `user:profile:${id}-${n}`);
    await Promise.all(keys.map((key) => web.cache.writeBehind(key, { name: key })));
    await forget();
    await drain();
    for (const key of keys) {
      expect(await stored(key)).toMatchObject({ value: { name: key } });
      expect(await web.cache.get(key)).toEqual({ name: key });
    }
  });

  it('never stores in the cache what a load read before the commit', async () => {
    const { web, drain, id, jobs } = await rig();
    const key = `user:profile:${id}`;
    await web.cache.writeBehind(key, { name: 'first' });
    await drain();
    await web.cache.writeBehind(key, { name: 'second' });
    await jobs.redis.client('cache').del(physicalKey(key));
    // A reader misses and loads what the database has: the first. Then the second is committed.
    expect(await web.cache.get(key)).toEqual({ name: 'first' });
    await drain();
    expect(await web.cache.get(key)).toEqual({ name: 'second' });
  });

  it('carries a value of ten megabytes', async () => {
    const { web, drain, stored, id } = await rig();
    const key = `user:profile:${id}`;
    const name = 'x'.repeat(10_000_000);
    const version = await web.cache.writeBehind(key, { name });
    expect(await web.cache.get(key)).toEqual({ name });
    await drain();
    expect(await stored(key)).toMatchObject({ version, value: { name } });
  });
});

describe('a value the database refuses', () => {
  it('is a dead letter, leaves the cache, and the write before it stands', async () => {
    const { web, drain, stored, deadLetters, id } = await rig();
    const key = `product:catalog:${id}`;
    const other = `product:catalog:${id}-other`;
    await web.cache.writeBehind(key, { name: 'Lamp', price: 5 });
    await web.cache.writeBehind(key, { name: 'Lamp', price: -5 });
    await web.cache.writeBehind(other, { name: 'Desk', price: 7 });
    await drain();
    expect(await stored(other)).toMatchObject({ value: { name: 'Desk' } });
    expect(await stored(key)).toMatchObject({ value: { price: 5 } });
    expect(await web.cache.get(key)).toMatchObject({ price: 5 });
    expect(await deadLetters.list()).toMatchObject([
      { key, reason: 'refused', error: expect.stringContaining('23514') },
    ]);
  });

  it('is replayed through the same fence: into an empty place, but never over a newer write', async () => {
    const { web, jobs, drain, stored, deadLetters, id } = await rig();
    const key = `product:catalog:${id}`;
    await web.cache.writeBehind(key, { name: 'Lamp', price: -5 });
    await drain();
    const [letter] = await deadLetters.list();
    const letterId = letter?.letterId as string;

    await jobs.pool.query('alter table products drop constraint products_price_check');
    try {
      await web.cache.writeBehind(key, { name: 'Newer', price: 1 });
      await drain();
      expect(await deadLetters.replay(letterId, jobs.journal)).toBe(true);
      await drain();
      expect(await stored(key)).toMatchObject({ value: { name: 'Newer' } });
      expect(await deadLetters.list()).toEqual([]);
    } finally {
      await jobs.pool.query('delete from products where price < 0');
      await jobs.pool.query('alter table products add constraint products_price_check check (price >= 0)');
    }
  });
});

it('a process that slept between journal and cache does not show a write that a newer one has replaced', async () => {
  const { jobs, web, drain, stored, id } = await rig();
  const key = `user:profile:${id}`;
  let asleepMs = 0;
  const sleeper = open({
    ...{ settings: web.settings, entities: createEntities },
    clock: { now: () => Date.now() + asleepMs },
  });
  const append = sleeper.journal.append.bind(sleeper.journal);
  Object.assign(sleeper.journal, {
    append: async (write: Parameters<typeof append>[0]) => {
      await append(write);
      await drain();
      await web.cache.writeBehind(key, { name: 'newer' });
      await drain();
      await jobs.redis.client('cache').del(physicalKey(key));
      asleepMs = 11_000;
    },
  });
  await sleeper.cache.writeBehind(key, { name: 'older' });
  expect(await stored(key)).toMatchObject({ value: { name: 'newer' } });
  expect(await web.cache.get(key)).toEqual({ name: 'newer' });
});

it('an outage of Redis after the commit is made good by the next delivery', async () => {
  const { web, drain, stored, id, jobs } = await rig();
  const key = `user:profile:${id}`;
  await web.cache.writeBehind(key, { name: 'Ada' });
  const settle = jobs.fence.settle.bind(jobs.fence);
  let failures = 1;
  Object.assign(jobs.fence, {
    settle: (...args: Parameters<typeof settle>) =>
      failures-- > 0 ? Promise.reject(new Error('down')) : settle(...args),
  });
  await drain();
  expect(await stored(key)).toMatchObject({ value: { name: 'Ada' } });
  expect(await web.redis.client('cache').pttl(physicalKey(key))).toBeLessThanOrEqual(700_000);
});

it('beyond the hard limit a write goes straight to the database, and is not left dirty', async () => {
  const { web, jobs, drain, stored, id } = await rig(1, {
    WRITE_BEHIND_HARD_MESSAGES: '1',
    WRITE_BEHIND_WHEN_FULL: 'write-through',
  });
  const keys = Array.from({ length: 50 }, (_, n) => `user:profile:${id}-${n}`);
  await jobs.cache.writeBehind(`user:profile:${id}`, { name: 'in the journal' });
  let through: string | undefined;
  for (const key of keys) {
    await web.cache.writeBehind(key, { name: key });
    if ((await stored(key)) === undefined) continue;
    through = key;
    break;
  }
  expect(through).toBeDefined();
  expect(await web.cache.get(through as string)).toEqual({ name: through });
  expect(await web.redis.client('cache').pttl(physicalKey(through as string))).toBeLessThanOrEqual(700_000);
  await drain();
});
