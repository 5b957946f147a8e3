import { type RunningPostgres, type RunningRedis, startPostgres, startRedis } from '../../local/servers';
import { createClient } from '../../src/client';
import { MINUTE, SECOND } from '../../src/clock';
import { createEntities } from '../../src/entities';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { createFlusher, type NewDeadLetter } from '../../src/write-behind';
import { fakeClock, journalInMemory } from '../write-behind/support';

/** Longer than ten minutes of retries. */
const OUTAGE_MS = 12 * MINUTE;
const MESSAGES = 40;
const ROWS = 5;

let redis: RunningRedis;
let postgres: RunningPostgres | undefined;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
});
afterAll(() => Promise.all([redis.stop(), postgres?.stop()]));

it('a database that is down for longer than ten minutes of retries loses nothing and makes no dead letter', async () => {
  if (!postgres) {
    console.warn('skipped: this machine has no PostgreSQL that could be killed, and none could be unpacked');
    return;
  }
  const settings = readSettings({ REDIS_URL: redis.appUrl, DATABASE_URL: postgres.url, REDIS_DEADLINE_MS: '5000' });
  const client = createClient({ settings, entities: createEntities, logger: silentLogger });
  try {
    await client.migrate();
    await client.redis.ready(10_000);
    const clock = fakeClock(Date.now());
    const journal = journalInMemory(clock);
    const letters: NewDeadLetter[] = [];
    const deadLetters = { put: async (letter: NewDeadLetter) => void letters.push(letter) };
    const delays = new Map<number, number[]>();
    const put = async (body: string, delayMs: number) => {
      const { attempts } = JSON.parse(Buffer.from(body, 'base64').toString('utf8')) as { attempts: number };
      delays.set(attempts, [...(delays.get(attempts) ?? []), delayMs]);
      await journal.put(body, delayMs);
    };
    const flusher = createFlusher({ ...client, journal: { ...journal, put }, deadLetters, clock });
    const deliver = async () => {
      for (const { message } of journal.take()) await flusher.flush(message, { dequeueCount: 1 });
    };

    await postgres.kill('SIGKILL');
    const written = new Map<string, string>();
    for (let elapsed = 0, n = 0; elapsed < OUTAGE_MS; elapsed += SECOND, clock.forward(SECOND)) {
      // Writers go on for most of it: each key is written several times, its last write late in the outage.
      if (elapsed % (15 * SECOND) === 0 && n < MESSAGES) {
        const rows = Array.from({ length: ROWS }, (_, at) => {
          const key = `user:profile:${(n * ROWS + at) % 60}`;
          const version = versionAt(clock.now() * 1_000 + at, 0);
          written.set(key, version);
          return [key, version, JSON.stringify({ name: version }), clock.now()];
        });
        n++;
        await flusher.flush({ format: 1, attempts: 0, rows }, { dequeueCount: 1 });
      }
      await deliver();
    }
    expect(journal.size()).toBe(MESSAGES);

    await postgres.restart();
    for (let seconds = 0; seconds <= settings.WRITE_BEHIND_RETRY_CAP_SECONDS; seconds++, clock.forward(SECOND)) {
      await deliver();
    }
    expect({ letters, waiting: journal.size() }).toEqual({ letters: [], waiting: 0 });
    const store = client.entities.of('user:profile:0')?.store;
    const stored = await store?.loadMany([...written.keys()]);
    for (const [key, version] of written) {
      expect(stored?.get(key)).toEqual({ deleted: false, version, value: { name: version } });
      expect(await client.cache.get(key)).toEqual({ name: version });
    }

    // 2 s, doubling up to a minute; of each pause up to a half is chance.
    for (const [attempts, pauses] of delays) {
      const full = Math.min(60 * SECOND, 2 * SECOND * 2 ** (attempts - 1));
      expect(Math.max(...pauses)).toBeLessThanOrEqual(full);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(full / 2);
      if (pauses.length > 10) expect(new Set(pauses).size).toBeGreaterThan(pauses.length / 2);
    }
    expect(Math.max(...delays.keys())).toBeGreaterThan(12);
  } finally {
    await client.close();
  }
}, 120_000);
