import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { metrics, trace } from '@opentelemetry/api';
import { Command } from 'commander';
import { Redis } from 'ioredis';
import {
  type RunningAzurite,
  type RunningPglite,
  type RunningRedis,
  startAzurite,
  startPglite,
  startRedis,
  urlWith,
} from '../local/servers';
import { createApp } from '../src/app';
import { registerDeadLetters } from '../src/cli/commands/dead-letters-command';
import { createClient } from '../src/client';
import { MINUTE } from '../src/clock';
import { createEntities } from '../src/entities';
import { readCounters } from '../src/redis';
import { createSessionStore } from '../src/sessions';
import { readSettings } from '../src/settings';
import { recordingLogger } from './redis/recorder';
import { plain } from './sessions/rig';

const canary = (kind: string) => `canary-${kind}-${randomBytes(6).toString('hex')}`;
const planted = {
  value: canary('value'),
  keyId: canary('key'),
  sessionId: canary('session'),
  sessionValue: canary('cart'),
  password: canary('password'),
  databasePassword: canary('database'),
};
const KEY = `user:profile:${planted.keyId}`;
/** U+0000 can't be in jsonb: PostgreSQL refuses it, and quotes the row when it says so. */
const REFUSED = { name: `${planted.value}\u0000` };

let redis: RunningRedis;
let azurite: RunningAzurite;
let pglite: RunningPglite;
let env: Record<string, string>;
beforeAll(async () => {
  [redis, azurite, pglite] = await Promise.all([startRedis(), startAzurite(), startPglite()]);
  const admin = new Redis(redis.adminUrl);
  for (const user of ['web', 'app']) await admin.call('ACL', 'SETUSER', user, `>${planted.password}`);
  admin.disconnect();
  env = {
    ...{
      REDIS_URL: urlWith(redis.appUrl, { password: planted.password }),
      REDIS_DEADLINE_MS: '20000',
      AzureWebJobsStorage: azurite.connectionString,
    },
    DATABASE_URL: pglite.url.replace('postgres@', `postgres:${planted.databasePassword}@`),
  };
});
afterEach(() => {
  metrics.disable();
  trace.disable();
});
afterAll(() => Promise.all([redis?.stop(), azurite?.stop(), pglite?.stop()]));

/** An SDK of OpenTelemetry that writes all it is given into one list. */
function recordTelemetry() {
  const recorded: unknown[] = [];
  const observers: ((result: unknown) => void)[] = [];
  const record = (...given: unknown[]) => void recorded.push(given);
  const observable = { addCallback: (one: (result: unknown) => void) => observers.push(one), removeCallback: record };
  const instrument = (name: string) => ({
    add: (...given: unknown[]) => record(name, ...given),
    record: (...given: unknown[]) => record(name, ...given),
  });
  const meter = { createObservableCounter: () => observable, createCounter: instrument, createGauge: instrument };
  metrics.setGlobalMeterProvider({ getMeter: () => meter as never });
  const span = {
    setAttribute: record,
    setAttributes: record,
    setStatus: record,
    recordException: record,
    addEvent: record,
    end: record,
  };
  const startActiveSpan = (name: string, options: unknown, work: (it: unknown) => unknown) => {
    record(name, options);
    return work(span);
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startActiveSpan }) as never });
  const collect = () => {
    for (const observe of observers) observe({ observe: record });
  };
  return { recorded, collect };
}

async function deadLetters(...args: string[]): Promise<string> {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const program = new Command().exitOverride();
  registerDeadLetters(program, { out: write, err: write, env, isTerminal: false, exit: () => {} });
  await program.parseAsync(['dead-letters', ...args], { from: 'user' });
  return lines.join('\n');
}

test('nothing that is cached, written, signed in with or kept in a session is in anything the app writes', async () => {
  const { logger, lines } = recordingLogger();
  const telemetry = recordTelemetry();
  const settings = readSettings(env);
  const webEnv = { ...env, REDIS_URL: urlWith(redis.webUrl, { password: planted.password }) };
  const web = createClient({ settings: readSettings(webEnv), entities: createEntities, logger });
  const jobs = createApp({ settings, entities: createEntities, logger });
  const sessions = createSessionStore({ redis: web.redis, logger, counters: web.counters, maxBytes: 1_000 });
  const errors: unknown[] = [];
  const fails = async (work: () => Promise<unknown>) => {
    const error = await work().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    errors.push(error);
  };
  await web.migrate();
  const { cache } = web;

  // The cache: hits, misses, loads that fail, values that can't be cached, an entry that is damaged.
  await cache.get(KEY);
  await cache.set(KEY, { name: planted.value });
  expect(await cache.get(KEY)).toEqual({ name: planted.value });
  const circular: Record<string, unknown> = { name: planted.value };
  circular.self = circular;
  await fails(() => cache.set(KEY, circular));
  await fails(() => cache.set(`${planted.value}`, 1));
  await cache.get(`${KEY}-2`, () => Promise.reject(new Error(planted.value))).catch(() => undefined);
  await web.redis.client('cache').set(`cache:{${KEY}-3}`, planted.value);
  await cache.get(`${KEY}-3`);
  await cache.invalidateTag(planted.keyId);

  // Writes: one that is saved, and one that the database refuses, at once and behind.
  await cache.writeBehind(KEY, { name: planted.value });
  await cache.writeBehind(`${KEY}-refused`, REFUSED);
  await fails(() => cache.writeThrough(`${KEY}-refused`, REFUSED));
  await web.flushAll();

  // Sessions: made, read, one that is too large, one that is no JSON, a record that is damaged, one destroyed.
  const core = sessions.core;
  const sid = planted.sessionId;
  await core.create(sid, plain({ userId: planted.keyId, cart: planted.sessionValue }));
  expect((await core.load(sid))?.data).toMatchObject({ cart: planted.sessionValue });
  await fails(() => core.create(`${sid}-2`, plain({ cart: planted.sessionValue.repeat(100) })));
  await fails(() => core.create(`${sid}-3`, plain({ cart: Object.assign(circular, { it: planted.sessionValue }) })));
  for (const key of (await (web.redis.client('sessions') as Redis).scan(0, 'COUNT', 1_000))[1]) {
    if ((await web.redis.client('sessions').type(key)) !== 'string') continue;
    await web.redis.client('sessions').set(key, planted.sessionValue);
  }
  await core.load(sid);

  // What the jobs make of it.
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  await web.counters.flush();
  for (const at of [now - MINUTE, now]) await jobs.collectMetrics(new Date(at));
  await jobs.evaluateAlerts(new Date(now));
  await jobs.reportPerformance(new Date(now));
  const pages = await Promise.all([
    jobs.metrics(),
    jobs.dashboard('1h'),
    jobs.dashboard(null),
    jobs.health(),
    jobs.healthDetail(),
  ]);
  const counted = await readCounters(web.redis);
  const list = [await deadLetters('list'), await deadLetters('list', '--json')];
  const [letter] = JSON.parse(list[1] as string) as { letterId: string }[];
  list.push(await deadLetters('show', letter?.letterId as string));
  telemetry.collect();

  // Redis and the database stop.
  sessions.close();
  await web.close();
  await jobs.close();
  await Promise.all([redis.stop(), pglite.stop()]);
  const hasty = createClient({
    settings: readSettings({ ...env, REDIS_DEADLINE_MS: '200' }),
    ...{ entities: createEntities, logger },
  });
  await fails(() => hasty.cache.set(KEY, planted.value));
  await fails(() => hasty.cache.get(KEY));
  const lost = createSessionStore({ redis: hasty.redis, logger });
  await fails(() => lost.core.load(sid));
  lost.close();
  await hasty.close();

  // Nothing below would mean a thing if nothing had been written.
  expect(await deadLetters('show', letter?.letterId as string, '--payload')).toContain(planted.value);
  for (const written of [lines, telemetry.recorded, [...counted], errors]) expect(written.length).toBeGreaterThan(5);
  const said = lines.map(({ message }) => message);
  expect(said).toEqual(
    expect.arrayContaining([
      'a write became a dead letter; list it with `cache-steward dead-letters list`',
      'an entry cannot be read: it counts as a miss',
      'a session record is damaged, so its user must log in again',
    ]),
  );
  const all = { lines, recorded: telemetry.recorded, pages, counted, errors };
  const text = inspect(all, { depth: null, showHidden: true, maxStringLength: null, maxArrayLength: null });
  for (const secret of Object.values(planted)) expect(text).not.toContain(secret);
  // Whoever looks after dead letters has to know which row it is: its key is there, and nothing else.
  const { keyId, ...others } = planted;
  expect(list.join()).toContain(keyId);
  for (const secret of Object.values(others)) expect(list.join()).not.toContain(secret);
});
