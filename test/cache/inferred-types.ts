import { type Cache, defineEntity, type EntityStore, type Version } from '../../src';

/** Exactly the same type: neither of the two is wider. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

interface Profile {
  readonly name: string;
}

/**
 * The types of values follow from the loader, the entity or the function. Nothing here runs: that it compiles is the
 * test (`npm run check`).
 */
export async function inferredTypes(cache: Cache, store: EntityStore<Profile>): Promise<void> {
  const read = defineEntity({ name: 'user:read', load: async (): Promise<Profile | undefined> => undefined });
  const bulk = defineEntity({ name: 'user:bulk', loadMany: async () => new Map<string, Profile>() });
  const stored = defineEntity({ name: 'user:stored', store });

  const loaded = await cache.get('user:read:1', async () => ({ name: 'Ada' }));
  true satisfies Same<typeof loaded, { name: string } | undefined>;
  const maybe = await cache.get('user:read:1', (key) => (key === '' ? undefined : key.length));
  true satisfies Same<typeof maybe, number | undefined>;
  const nullable = await cache.get('user:read:1', async (): Promise<Profile | null> => null, { tags: ['a'] });
  true satisfies Same<typeof nullable, Profile | null | undefined>;
  const ofRead = await cache.get('user:read:1', read);
  true satisfies Same<typeof ofRead, Profile | undefined>;
  const ofBulk = await cache.get('user:bulk:1', bulk);
  true satisfies Same<typeof ofBulk, Profile | undefined>;
  const ofStored = await cache.get('user:stored:1', stored);
  true satisfies Same<typeof ofStored, Profile | undefined>;
  const named = await cache.get<Profile>('user:read:1');
  true satisfies Same<typeof named, Profile | undefined>;
  const unnamed = await cache.get('user:read:1');
  true satisfies Same<typeof unnamed, unknown>;

  const many = await cache.getMany(['user:read:1'], async (keys) => new Map(keys.map((key) => [key, key.length])));
  true satisfies Same<typeof many, ReadonlyMap<string, number>>;
  const manyOfRead = await cache.getMany(['user:read:1'], read);
  true satisfies Same<typeof manyOfRead, ReadonlyMap<string, Profile>>;
  const manyOfStored = await cache.getMany(['user:stored:1'], stored);
  true satisfies Same<typeof manyOfStored, ReadonlyMap<string, Profile>>;

  const listed = await cache.multiGet<Profile>(['user:read:1']);
  true satisfies Same<typeof listed, { key: string; value: Profile | null }[]>;

  const sum = cache.memoize((a: number, b: number) => a + b, { name: 'sum', key: (a, b) => `${a.toFixed()}-${b}` });
  true satisfies Same<typeof sum, (a: number, b: number) => Promise<number>>;
  const byFirst = cache.memoize((a: number, b: string) => a + b, { name: 'first', key: (a: number) => String(a) });
  true satisfies Same<typeof byFirst, (a: number, b: string) => Promise<string>>;
  const find = cache.memoize(async (id: string): Promise<Profile | undefined> => ({ name: id }), { name: 'find' });
  true satisfies Same<typeof find, (id: string) => Promise<Profile | undefined>>;

  await cache.writeThrough('user:read:1', { name: 'Ada' }, async (value) => {
    true satisfies Same<typeof value, { name: string }>;
  });
  // @ts-expect-error The closure takes another type than the value's.
  await cache.writeThrough('user:read:1', 1, async (value: string) => value);
  const version = await cache.writeBehind('user:stored:1', undefined);
  true satisfies Same<typeof version, Version>;
  // @ts-expect-error The version of a write is no number.
  await cache.writeBehind('user:stored:1', { name: 'Ada' }, { version: 1 });
}
