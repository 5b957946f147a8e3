import type { DequeuedMessageItem } from '@azure/storage-queue';
import { HOUR } from '../../src/clock';
import { type Version, versionAt } from '../../src/entities/version';
import { encodeMessage, encodeRow, type JournalRow } from '../../src/write-behind/journal/journal-message';
import { makeWorld, type Servers, startServers, type World } from './crash-world';
import { type Death, Mortal } from './mortal';

let servers: Servers;
beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.stop());

/** Runs `scenario` with a process that dies at its first request, its second and so on, until one lives. */
async function enumerate(death: Death, scenario: (mortal: Mortal) => Promise<void>): Promise<string[]> {
  for (let fatal = 1; ; fatal++) {
    const mortal = new Mortal(fatal, death);
    try {
      await scenario(mortal);
    } catch (error) {
      throw new Error(`${death} at request ${fatal}, ${mortal.requests[fatal - 1]}`, { cause: error });
    } finally {
      mortal.end();
    }
    if (mortal.requests.length < fatal) return mortal.requests;
  }
}

const counted = (names: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};

/** One generation of the write's tag, one of its entity. */
const shown = ['redis ensure-generation-1', 'redis ensure-generation-1', 'redis put-3'];

describe.each(['lost', 'done'] as const)('a crash at a request that is %s', (death) => {
  it.each([
    ['a value', 'new', ['open queue', 'queue sendMessage', ...shown]],
    [
      'a value in a blob',
      'new'.repeat(20_000),
      ['open container', 'container upload', 'open queue', 'queue sendMessage', ...shown],
    ],
  ])('of an append of %s leaves the write or nothing of it, and the cache as the database', async (_, value, after) => {
    const requests = await enumerate(death, async (mortal) => {
      const world = await makeWorld(servers);
      const key = `user:profile:${world.id}`;
      await world.survivor.cache.writeBehind(key, 'old');
      await world.drain();

      const writer = world.processOf(mortal);
      const resolved = writer.cache.writeBehind(key, value, { tags: ['team:1'] }).then(() => true);
      const acknowledged = await Promise.race([resolved, mortal.died.then(() => false)]);
      await world.drain();

      const sent = mortal.requests.slice(0, death === 'lost' && !acknowledged ? -1 : undefined);
      const durable = sent.includes('queue sendMessage');
      if (acknowledged) expect(durable).toBe(true);
      const { stored, cached, blobs, letters, waiting } = await world.left([key]);
      const [now, version] = stored[key] ?? [];
      expect(now).toBe(durable ? value : 'old');
      if (cached[key]) expect(cached[key]).toEqual({ version, dirty: false });
      expect(await world.survivor.cache.get(key)).toBe(now);
      // A blob whose write never came into the journal is all that may be left.
      expect(blobs).toHaveLength(!durable && sent.includes('container upload') ? 1 : 0);
      expect({ letters, waiting }).toEqual({ letters: [], waiting: 0 });
    });
    // A request that is made from now on belongs here, so that it is thought of.
    expect(requests).toEqual(['redis take-version-2', ...after]);
  });

  it('of a flush loses, reorders and doubles nothing', async () => {
    const requests = await enumerate(death, async (mortal) => {
      const world = await makeWorld(servers);
      const { rows, keys, v } = await rowsOfAllKinds(world);
      await world.survivor.journal.put(encodeMessage({ attempts: 0 }, [...rows.map(encodeRow), '"nonsense"']), 0);
      const [item] = (await world.receive()) as [DequeuedMessageItem];
      await Promise.race([world.processOf(mortal).deliver(item), mortal.died]);
      await world.release(item);

      // Once the table is there, all of it can be decided.
      await servers.pool.query(`create table late_${world.id} (key text primary key, value jsonb, version bigint,
        deleted boolean, updated_at timestamptz)`);
      await world.drain();

      const { stored, cached, ...rest } = await world.left(keys);
      const at = (id: string) => `${id}:${world.id}`;
      expect(stored).toEqual({
        [at('user:profile:a')]: ['new', v(2)],
        [at('user:profile:b')]: [null, v(3)],
        [at('user:profile:c')]: ['kept', v(4)],
        [at('user:profile:d')]: ['large', v(6)],
        [at('user:profile:e')]: ['saved before', v(7)],
        [at('shop:item:f')]: ['other', v(9)],
        [at('shop:order:g')]: ['late', v(10)],
      });
      for (const [key, entry] of Object.entries(cached)) {
        expect({ key, ...entry }).toEqual({ key, version: stored[key]?.[1], dirty: false });
      }
      expect(rest).toEqual({
        ...{ blobs: [], waiting: 0 },
        letters: [
          `claim ${at('user:profile:x')}`,
          `clock ${at('user:profile:y')}`,
          `entity ${at('not:here:z')}`,
          `refused ${at('user:profile:c')}`,
          'undecodable ',
        ],
      });
    });
    // As above: a request more, or one less, has to be thought of here.
    expect(counted(requests)).toEqual({
      ...{ 'open container': 4, 'container downloadToBuffer': 3, 'container deleteIfExists': 3 },
      ...{ 'open table': 4, 'table getEntity': 4, 'table upsertEntity': 4 },
      ...{ 'sql insert': 8, 'sql select': 2, 'redis settle-1': 4, 'redis supersede-3': 1, 'redis drop-3': 3 },
      ...{ 'open queue': 3, 'queue sendMessage': 2, 'queue deleteMessage': 1 },
    });
  }, 300_000);
});

/** Rows that take every way there is through a flush, shown in the cache as their writers left them. */
async function rowsOfAllKinds({ id, survivor, claims }: World) {
  const base = Date.now() * 1_000;
  const v = (n: number) => versionAt(base + n, 0);
  const row = (name: string, version: Version, value: JournalRow['value']): JournalRow => {
    return { key: `${name}:${id}`, version, value, acceptedAt: Date.now() };
  };
  const large = await claims.keep(`user:profile:d:${id}`, v(6), '"large"', AbortSignal.timeout(20_000));
  const gone = { blob: 'gone', bytes: 7 };
  const inAYear = versionAt(base + 365 * 24 * HOUR * 1_000, 0);
  const rows = [
    row('user:profile:a', v(1), '"old"'),
    row('user:profile:a', v(2), '"new"'),
    row('user:profile:b', v(3), null),
    row('user:profile:c', v(4), '"kept"'),
    row('user:profile:c', v(5), '"refused: \\u0000"'),
    row('user:profile:d', v(6), large),
    row('user:profile:e', v(7), gone),
    row('user:profile:x', v(8), gone),
    row('shop:item:f', v(9), '"other"'),
    row('shop:order:g', v(10), '"late"'),
    row('user:profile:y', inAYear, '"from the future"'),
    row('not:here:z', v(11), '"unknown"'),
  ];
  const before = { key: `user:profile:e:${id}`, version: v(7), value: '"saved before"' };
  await survivor.entities.of(before.key)?.store?.saveMany([before]);
  for (const { key, version, value } of rows) {
    await survivor.fence.publish({ key, version, value: typeof value === 'string' ? value : null }, { ttlSeconds: 60 });
  }
  return { rows, keys: [...new Set(rows.map(({ key }) => key))], v };
}
