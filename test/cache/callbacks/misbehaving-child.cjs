// Run by misbehaving.test.ts with the built package and a Redis URL: makes every callback of an app misbehave, and
// prints what became of each call and what reached the event loop.
const [, , packageFolder, url, deadUrl] = process.argv;
const { createClient, createSessionStore, defineEntity, readSettings } = require(packageFolder);

const unhandled = [];
process.on('unhandledRejection', (error) => unhandled.push(`rejection: ${text(error)}`));
process.on('uncaughtException', (error) => unhandled.push(`exception: ${text(error)}`));

function text(thrown) {
  try {
    return String(thrown?.message ?? thrown);
  } catch {
    return 'no text';
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const hostile = () =>
  new Proxy(() => {}, {
    get: (_, name) => {
      throw new Error(`read ${String(name)}`);
    },
  });

/** Each way in which a function of an app can be wrong. */
const faults = {
  throws: () => {
    throw new Error('thrown');
  },
  'throws a text': () => {
    throw 'a text';
  },
  'throws undefined': () => {
    throw undefined;
  },
  'throws an object without prototype': () => {
    throw Object.create(null);
  },
  'throws a hostile object': () => {
    throw hostile();
  },
  rejects: () => Promise.reject(new Error('rejected')),
  'rejects later': () =>
    sleep(5).then(() => {
      throw new Error('rejected later');
    }),
  'rejects with a text': () => Promise.reject('a text'),
  hangs: () => new Promise(() => {}),
  'returns nothing': () => undefined,
  'returns a number': () => 7,
  'returns a text': () => 'nonsense',
  'returns a cycle': () => {
    const cycle = {};
    cycle.self = cycle;
    return cycle;
  },
  'returns a big integer': () => 1n,
  'returns a map of promises': (keys) =>
    Array.isArray(keys) ? new Map(keys.map((key) => [key, Promise.reject(new Error('inside'))])) : 1,
  'returns a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: the fault itself
    then() {
      throw new Error('then');
    },
  }),
};

let round = 0;
const result = { calls: 0, hanging: [], unhandled, lines: [] };

async function settles(name, call) {
  result.calls += 1;
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, 20_000, 'late');
  });
  const done = Promise.resolve()
    .then(call)
    .then(
      () => 'settled',
      () => 'settled',
    );
  if ((await Promise.race([done, late])) === 'late') result.hanging.push(name);
  clearTimeout(timer);
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const all = (fault) => ({ debug: fault, info: fault, warn: fault, error: fault });

function open({ redisUrl = url, entities = [], logger = quiet, cache = {}, ...rest } = {}) {
  const settings = readSettings({ REDIS_URL: redisUrl, REDIS_DEADLINE_MS: '500' });
  return createClient({ entities, settings, logger, cache: { deadlineMs: 500, ...cache }, ...rest });
}

/** Every way in, on keys that nobody used before, twice: a miss and perhaps a hit. */
async function everyWayIn(name, { cache }, loader) {
  round += 1;
  const options = { hardTimeoutMs: 100 };
  const load = loader ?? (() => ({ n: 1 }));
  const memo = cache.memoize(load, { name: `m${round}`, ...options });
  for (let turn = 0; turn < 3; turn += 1) {
    await Promise.all([
      settles(`${name}: get`, () => cache.get(`free:one${round}:1`, load, options)),
      settles(`${name}: get without a loader`, () => cache.get(`free:none${round}:1`)),
      settles(`${name}: get of an entity`, () => cache.get(`user:registered:${round}`, undefined, options)),
      settles(`${name}: getMany`, () => cache.getMany([`free:many${round}:1`, `free:many${round}:2`], load, options)),
      settles(`${name}: getMany of an entity`, () => cache.getMany([`user:registered:${round}a`], undefined, options)),
      settles(`${name}: multiGet`, () => cache.multiGet([`free:one${round}:1`])),
      settles(`${name}: memoize`, () => memo(1)),
      settles(`${name}: refresh`, () => cache.refresh([`user:registered:${round}`])),
      settles(`${name}: set`, () => cache.set(`free:set${round}:1`, { n: 1 })),
      settles(`${name}: has`, () => cache.has(`free:set${round}:1`)),
      settles(`${name}: delete`, () => cache.delete(`free:set${round}:2`)),
      settles(`${name}: invalidateTag`, () => cache.invalidateTag('t')),
    ]);
  }
}

const close = (name, client) => settles(`${name}: close`, () => client.close());

async function cacheFaults(kind, fault) {
  const registered = (more) =>
    defineEntity({ name: 'user:registered', hardTimeoutMs: 100, load: async () => ({ n: 1 }), ...more });
  const cases = {
    'the loaders': [{ entities: [registered({ load: fault })] }, fault],
    'the tags': [{ entities: [registered({ tags: fault })] }],
    serialize: [{ cache: { serializer: { serialize: fault, deserialize: JSON.parse }, local: { maxBytes: 1e6 } } }],
    deserialize: [
      { cache: { serializer: { serialize: JSON.stringify, deserialize: fault }, local: { maxBytes: 1e6 } } },
    ],
    'the logger': [{ logger: all(fault), redisUrl: deadUrl }],
    'the logger of a load': [{ logger: all(fault) }, () => 1n],
  };
  for (const [part, [options, loader]] of Object.entries(cases)) {
    const name = `${part}: ${kind}`;
    const client = open({ entities: [registered({})], ...options });
    await everyWayIn(name, client, loader);
    await close(name, client);
  }
  const client = open();
  const memo = client.cache.memoize(async () => 1, { name: 'keyed', key: fault });
  await settles(`the key of memoize: ${kind}`, () => memo(1));
  await close(`the key of memoize: ${kind}`, client);
}

/** What Redis holds under keys of ours, without our having written it. */
async function foreignReplies() {
  const client = open({ cache: { local: { maxBytes: 1e6 } } });
  const raw = client.redis.client('cache');
  const written = ['', '1', 'null', '{}', '\u0001', 'S1', 'x'.repeat(100), '\u0000'.repeat(60), '{"a":', '[[[['];
  for (const [n, content] of written.entries()) {
    await raw.set(`cache:{free:foreign:${n}}`, content);
    await settles(`a foreign text ${n}`, () => client.cache.get(`free:foreign:${n}`, () => 1));
    await settles(`a foreign text ${n}, many`, () => client.cache.getMany([`free:foreign:${n}`, 'free:foreign:x']));
  }
  await raw.rpush('cache:{free:foreign:list}', 'x');
  await settles('a list', () => client.cache.get('free:foreign:list', () => 1));
  await settles('a list of many', () => client.cache.getMany(['free:foreign:list', 'free:foreign:1'], () => new Map()));
  await raw.publish('cache:changed', 'null');
  await raw.publish('cache:changed', '{');
  await close('foreign replies', client);
}

/** Entries of ours that the local layer cannot freeze. */
async function unfreezable() {
  const v8 = require('node:v8');
  const serializer = {
    serialize: (value) => v8.serialize(value).toString('base64'),
    deserialize: (content) => v8.deserialize(Buffer.from(content, 'base64')),
  };
  const client = open({ cache: { serializer, local: { maxBytes: 1e6 } } });
  const cycle = {};
  cycle.self = cycle;
  const values = {
    buffer: Buffer.from('x'),
    typed: new Uint8Array(9),
    cycle,
    map: new Map([[1, 2]]),
    date: new Date(0),
    error: new Error('x'),
  };
  for (const [name, value] of Object.entries(values)) {
    await client.cache.set(`free:frozen:${name}`, { value });
    for (let n = 0; n < 20; n += 1) {
      await settles(`${name} under the local layer`, () => client.cache.get(`free:frozen:${name}`));
      await settles(`${name} under the local layer, many`, () => client.cache.getMany([`free:frozen:${name}`]));
      await sleep(5);
    }
  }
  await close('unfreezable', client);
}

async function sessionFaults(kind, fault) {
  const cases = {
    stringify: { serializer: { stringify: fault, parse: JSON.parse } },
    parse: { serializer: { stringify: JSON.stringify, parse: fault } },
    userOf: { userOf: fault },
    ttl: { ttl: fault },
    'the logger': { logger: all(fault) },
    'the counters': { counters: { add: fault } },
  };
  for (const [part, options] of Object.entries(cases)) {
    const name = `sessions, ${part}: ${kind}`;
    round += 1;
    const client = open();
    const store = createSessionStore({ redis: client.redis, prefix: `s${round}:`, ...options });
    for (const event of ['connect', 'disconnect', 'refused']) store.on(event, fault);
    const session = { cookie: { originalMaxAge: 60_000 }, userId: 'ada' };
    await settles(`${name}: set`, () => store.set('a', session));
    await settles(`${name}: get`, () => store.get('a'));
    await settles(`${name}: set again`, () => store.set('a', session));
    await settles(`${name}: destroy`, () => store.destroy('a'));
    await settles(`${name}: set when gone`, () => store.set('a', session));
    await settles(`${name}: all`, () => store.all());
    client.redis.client('sessions').disconnect(true);
    await sleep(20);
    await settles(`${name}: touch`, () => store.touch('a', session));
    store.close();
    await close(name, client);
  }
}

async function portFaults(kind, fault) {
  const entity = defineEntity({
    name: 'user:stored',
    store: {
      loadMany: async () => new Map(),
      saveMany: async (rows) => rows.map(() => ({ saved: true })),
      migrate: async () => {},
    },
  });
  const journal = {
    append: fault,
    close: fault,
    put: fault,
    receive: fault,
    readClaim: fault,
    dropClaims: fault,
    depth: fault,
    oldest: fault,
  };
  const client = open({ entities: [entity], journal });
  // A journal that hangs keeps its caller waiting: only it knows whether the write is durable.
  if (kind !== 'hangs')
    await settles(`the journal: ${kind}: append`, () => client.cache.writeBehind('user:stored:1', { n: 1 }));
  await close(`the journal: ${kind}`, client);
}

(async () => {
  for (const [kind, fault] of Object.entries(process.env.CONTROL ? {} : faults)) {
    await cacheFaults(kind, fault);
    await sessionFaults(kind, fault);
    await portFaults(kind, fault);
  }
  await foreignReplies();
  await unfreezable();
  await sleep(50);
  if (process.env.CONTROL) void Promise.reject(new Error('the control'));
  await sleep(50);
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
})();
