import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { globArguments, parseGlob } from '../../src/redis/scripts/glob';
import globLua from '../../src/redis/scripts/glob.lua';

let server: RunningRedis;
let client: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.adminUrl);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

/** What the page scripts do with the pieces, over all keys at once. */
const FIND = `${globLua}
  local found = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if matches(key, 1) then found[#found + 1] = key end
  end
  return found`;

const hex = (keys: readonly Buffer[]) => keys.map((key) => key.toString('hex')).sort();

async function expectAgreement(glob: string): Promise<void> {
  const all = await client.keysBuffer('*');
  const { matches, lua } = parseGlob(glob);
  const redis = hex(await client.keysBuffer(glob));
  const ours = {
    glob,
    script: hex((await client.callBuffer('EVAL', FIND, 0, ...globArguments(parseGlob(glob)))) as Buffer[]),
  };
  expect({ ...ours, commands: hex(all.filter(matches)), lua }).toEqual({ glob, script: redis, commands: redis, lua });
}

test('a glob says in JavaScript and in Lua what it says to Redis', async () => {
  const names = ['sess:1', 'sess:12', 'sess:user:{a}:x', 'app[1]:sess:1', 'app:t1:sess:9', 'a*b', 'a\\b', 'a]b', 'a^b'];
  const odd = ['a-b', 'a%b', 'a.b', 'a$b', '^a', 'ü', 'ab\ncd', 'aXbXc', 'ab', 'b', 'sess:'].map((name) =>
    Buffer.from(name),
  );
  const binary = [Buffer.from([0, 1, 2]), Buffer.from([0xff, 0xfe, 97]), Buffer.from([97, 0, 98])];
  for (const key of [...names.map((name) => Buffer.from(name)), ...odd, ...binary]) await client.set(key, '1');
  for (const glob of [
    ...[
      '*',
      '**',
      '',
      '?',
      '??',
      'sess:*',
      'sess:?',
      '*:sess:*',
      'app\\[1\\]:*',
      'app[1]:*',
      'app[[]1]*',
      '*sess:[0-9]',
      '*9',
    ],
    ...[
      'a?b',
      'a[^*]b',
      'a[*]b',
      'a\\*b',
      'a[\\]]b',
      'a[]b',
      'a[^]b',
      'a[]',
      'a[^',
      'a[',
      'a\\',
      'a[a-',
      'a[z-a]b',
      'a[^-]b',
    ],
    ...[
      'a[%]b',
      'a%b',
      'a.b',
      'a$b',
      '^a',
      '[a-\\]]*',
      'ü',
      '?ü',
      '[ü]*',
      '[^a]*',
      'a*X*c',
      'a*b*',
      '*b',
      '*ab*cd',
      'a**b',
      'x*',
    ],
  ]) {
    await expectAgreement(glob);
  }
});

test('random globs over random keys agree with Redis as well', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.info(`seed ${seed}`);
  let state = seed;
  const draw = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  const text = (alphabet: string, longest: number) =>
    Array.from({ length: draw(longest + 1) }, () => alphabet[draw(alphabet.length)]).join('');
  await client.flushall();
  for (let index = 0; index < 150; index += 1) await client.set(`a${text('aabbc]-^\\*%', 6)}`, '1');
  for (let index = 0; index < 400; index += 1) await expectAgreement(text('aabc**?[]]^-\\%', 8));
});

test('a pattern of many stars costs no more than its length', () => {
  const { matches } = parseGlob('*a*a*a*a*a*a*a*a*a*a*a*a*b');
  expect(matches(Buffer.from('a'.repeat(5_000)))).toBe(false);
  expect(matches(Buffer.from(`${'a'.repeat(5_000)}b`))).toBe(true);
});

test.each([
  ['app:*', 'app:'],
  ['*', undefined],
  ['app', undefined],
  ['a?p:*', undefined],
  ['app[1]:*', undefined],
  ['app\\*', undefined],
  ['a*b*', undefined],
])('%p is a beginning and a star: %p', (glob, beginning) => {
  expect(parseGlob(glob).beginning).toBe(beginning);
});
