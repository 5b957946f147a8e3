import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { createClient } from '../../../src/client';
import { systemClock } from '../../../src/clock';
import { silentLogger } from '../../../src/logger';
import { readSettings } from '../../../src/settings';
import { createDeadLetters } from '../../../src/write-behind';
import { faultEntities, type Written } from './entities';
import { Model, type StoredWrite } from './model';
import { random } from './random';
import { makeWorld, type World } from './world';

const KEYS = 20_000;
const WEBS = 3;

export interface FaultReport {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly lost: number;
  readonly deadLetters: number;
  /** Everything that is not as promised, in words. */
  readonly findings: readonly string[];
}

/** What may happen. Each resolves when the trouble is over; what it ended is running again. */
const troubles: Record<string, (world: World, next: () => number) => Promise<void>> = {
  async 'kill a web process'({ webs }, next) {
    const web = webs[Math.floor(next() * webs.length)];
    await web?.end('SIGKILL');
    web?.start();
  },
  async 'freeze a web process'({ webs }, next) {
    const web = webs[Math.floor(next() * webs.length)];
    web?.signal('SIGSTOP');
    await pause(200 + next() * 600);
    web?.signal('SIGCONT');
  },
  async 'kill the functions host'({ jobs }) {
    await jobs.end('SIGKILL');
    jobs.start();
  },
  async 'freeze the functions host'({ jobs }, next) {
    jobs.signal('SIGSTOP');
    await pause(200 + next() * 800);
    jobs.signal('SIGCONT');
  },
  async 'kill redis'({ redis }, next) {
    await redis.kill('SIGKILL');
    await pause(next() * 500);
    await redis.restart();
  },
  async 'freeze redis'({ redis }, next) {
    await redis.kill('SIGSTOP');
    await pause(200 + next() * 600);
    await redis.kill('SIGCONT');
  },
  async 'flush redis'({ redis }) {
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
  },
  async 'kill postgres'({ postgres }, next) {
    await postgres.kill('SIGKILL');
    await pause(next() * 500);
    await postgres.restart();
  },
  async 'freeze postgres'({ postgres }, next) {
    await postgres.kill('SIGSTOP');
    await pause(200 + next() * 600);
    await postgres.kill('SIGCONT');
  },
  async 'freeze storage'({ storage }, next) {
    for (const proxy of storage) proxy.freeze();
    await pause(200 + next() * 600);
    for (const proxy of storage) proxy.thaw();
  },
  async 'cut off storage in mid-request'({ storage }) {
    for (let times = 0; times < 5; times++) {
      for (const proxy of storage) proxy.cut();
      await pause(20);
    }
  },
  async 'restart storage'(world) {
    await world.restartStorage();
  },
};

/** Runs so many faults over a world at work, then lets it come to rest and judges it. */
export async function runFaults(count: number, seed: number): Promise<FaultReport | undefined> {
  const model = new Model();
  const world = await makeWorld({ keys: KEYS, seed, webs: WEBS, onSaid: (said) => model.say(said) });
  if (!world) return undefined;
  const next = random(seed);
  const faults: Record<string, number> = {};
  let watching = true;
  try {
    const rowsNow = () => readRows(world.environment.DATABASE_URL as string);
    await migrate(world);
    for (const process of [...world.webs, world.jobs]) process.start();
    for (let turns = 0; model.counts.acknowledged < 50; turns++) {
      if (turns > 300) throw new Error('Expected the web processes to be at work within 30 s, got next to no writes');
      await pause(100);
    }
    const watch = (async () => {
      while (watching) {
        await rowsNow().then(
          (rows) => model.look(rows),
          () => {},
        );
        await pause(300);
      }
    })();
    const names = Object.keys(troubles);
    for (let fault = 0; fault < count; fault++) {
      // Each kind in turn first, so that a short run has them all; then by chance.
      const name = (fault < names.length ? names[fault] : names[Math.floor(next() * names.length)]) as string;
      faults[name] = (faults[name] ?? 0) + 1;
      await troubles[name]?.(world, next);
      await pause(100 + next() * 300);
    }
    for (const web of world.webs) await web.end('SIGTERM');
    await untilDrained(world);
    watching = false;
    await watch;
    await world.jobs.end('SIGTERM');

    const rows = await rowsNow();
    model.look(rows);
    const { lost } = model.judge(rows);
    const deadLetters = await compareCache(world, rows, model);
    return { seed, faults, ...model.counts, lost, deadLetters, findings: model.findings };
  } finally {
    watching = false;
    await Promise.all([...world.webs, world.jobs].map((process) => process.end('SIGKILL')));
    await world.stop();
  }
}

async function migrate(world: World): Promise<void> {
  const client = createClient({
    settings: readSettings(world.environment),
    entities: faultEntities,
    logger: silentLogger,
  });
  await client.migrate();
  await client.close();
}

async function readRows(url: string): Promise<StoredWrite[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('select key, version::text as version, value, deleted from cache_entries');
    return (rows as { key: string; version: string; value: Written; deleted: boolean }[]).map((row) => ({
      key: row.key,
      version: row.version.padStart(19, '0'),
      value: row.deleted ? null : row.value,
    }));
  } finally {
    await client.end().catch(() => {});
  }
}

/** Until the journal is empty, what is leased or delayed included. */
async function untilDrained(world: World): Promise<void> {
  const settings = readSettings(world.environment);
  const { storageClients } = await import('../../../src/storage/clients');
  const storage = storageClients(settings);
  for (let quiet = 0, turns = 0; quiet < 3; turns++) {
    if (turns > 600) throw new Error('Expected the journal to drain within a minute of peace, got messages left');
    const counts = await Promise.all(
      [settings.WRITE_BEHIND_QUEUE, `${settings.WRITE_BEHIND_QUEUE}-poison`].map(
        async (name) => (await (await storage.queue(name)).getProperties()).approximateMessagesCount ?? 0,
      ),
    );
    quiet = counts.every((count) => count === 0) ? quiet + 1 : 0;
    await pause(100);
  }
}

/** The cache and the database agree on every key; answers how many dead letters there are. */
async function compareCache(world: World, rows: readonly StoredWrite[], model: Model): Promise<number> {
  const client = createClient({
    settings: readSettings(world.environment),
    entities: faultEntities,
    logger: silentLogger,
  });
  try {
    await client.redis.ready(5_000);
    const found = new Map<string, Written>();
    for (let from = 0; from < rows.length; from += 100) {
      const page = rows.slice(from, from + 100).map(({ key }) => key);
      for (const [key, value] of await client.cache.getMany<Written>(page)) found.set(key, value);
    }
    for (const { key, value } of rows) {
      const cached = found.get(key);
      const same = value === null ? cached === undefined : cached?.by === value.by && cached.n === value.n;
      if (!same)
        model.findings.push(`${key}: the cache has ${JSON.stringify(cached)}, the database ${JSON.stringify(value)}`);
    }
    const deadLetters = await createDeadLetters({ ...client, clock: systemClock }).list({ limit: 1_000 });
    for (const letter of deadLetters)
      model.findings.push(`dead letter ${letter.reason} ${letter.key}: ${letter.error}`);
    return deadLetters.length;
  } finally {
    await client.close();
  }
}
