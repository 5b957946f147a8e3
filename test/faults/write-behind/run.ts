import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../../src/client';
import { SECOND } from '../../../src/clock';
import { silentLogger } from '../../../src/logger';
import { readSettings } from '../../../src/settings';
import { faultEntities } from './entities';
import { examine } from './examine';
import { Model } from './model';
import { random } from './random';
import { readRows, watchRegressions } from './rows';
import { troubles } from './troubles';
import { makeWorld, type World } from './world';

const KEYS = 20_000;
const WEBS = 3;

export interface FaultReport {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly attempts: number;
  /** Of them, values too large for a message. */
  readonly large: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly lost: number;
  /** Times that a row of the database went back to an older version. */
  readonly regressed: number;
  /** Entries that stayed dirty though the journal was empty and the reclaim sweep had passed. */
  readonly dirty: number;
  /** Entries that the reclaim sweep had to settle, because a killed Redis forgot a settle or a mark. */
  readonly healed: number;
  /** By reason. */
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Everything that is not as promised, in words. */
  readonly findings: readonly string[];
}

/** Runs so many faults over a world at work, then lets it come to rest and judges it. */
export async function runFaults(count: number, seed: number): Promise<FaultReport | undefined> {
  const began = performance.now();
  const model = new Model();
  const world = await makeWorld({
    ...{ keys: KEYS, seed, webs: WEBS },
    onSaid: (said) => model.say(said),
    onFailure: (words) => model.findings.push(words),
  });
  if (!world) return undefined;
  const client = createClient({
    ...{ settings: readSettings(world.environment), entities: faultEntities, logger: silentLogger },
  });
  try {
    await client.migrate();
    await watchRegressions(client.pool);
    for (const process of [...world.webs, world.host]) process.start();
    await untilServed(model);
    const faults = await makeTrouble(world, count, seed);
    await untilServed(model);
    for (const web of world.webs) await web.end('SIGTERM');
    await untilDrained(client);
    await world.host.end('SIGTERM');

    const { rows, regressed } = await readRows(client.pool);
    const { lost, dirty, healed, deadLetters } = await examine(client, rows, model);
    const seconds = Math.round((performance.now() - began) / SECOND);
    return {
      seed,
      seconds,
      faults,
      ...model.counts,
      lost,
      regressed,
      dirty,
      healed,
      deadLetters,
      findings: model.findings,
    };
  } finally {
    await Promise.all([...world.webs, world.host].map((process) => process.end('SIGKILL')));
    await client.close();
    await world.stop();
  }
}

/** Each subject has its share of the faults, one after the other; those of several overlap as it comes. */
async function makeTrouble(world: World, count: number, seed: number): Promise<Record<string, number>> {
  const made: Record<string, number> = {};
  const subjects = Object.entries(troubles);
  await Promise.all(
    subjects.map(async ([subject, kinds], at) => {
      const next = random(seed + at * 7_919);
      const names = Object.keys(kinds);
      const share = Math.floor((count + at) / subjects.length);
      for (let fault = 0; fault < share; fault++) {
        await pause(500 + next() * 1_500);
        // Each kind in turn first, so that a short run has them all; then by chance.
        const name = (names[fault] ?? names[Math.floor(next() * names.length)]) as string;
        made[`${name} ${subject}`] = (made[`${name} ${subject}`] ?? 0) + 1;
        await kinds[name]?.(world, next);
      }
    }),
  );
  return made;
}

/** Until the web processes are at work, from now on. */
async function untilServed(model: Model): Promise<void> {
  const from = model.counts.acknowledged;
  await until('the web processes to be at work', 120, () => model.counts.acknowledged > from + 100);
}

/** Until the journal is empty, what is leased or delayed included. */
async function untilDrained({ storage, settings }: ReturnType<typeof createClient>): Promise<void> {
  const queues = [settings.WRITE_BEHIND_QUEUE, `${settings.WRITE_BEHIND_QUEUE}-poison`];
  // What a killed run of the poison's drain had taken is hidden for two minutes.
  await until('the journal to drain', 300, async () => {
    const counts = await Promise.all(
      queues.map(async (name) => (await (await storage.queue(name)).getProperties()).approximateMessagesCount),
    );
    return counts.every((left) => left === 0);
  });
}

async function until(what: string, seconds: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + seconds * SECOND; !(await isSo()); await pause(100)) {
    if (Date.now() > end) throw new Error(`Expected ${what} within ${seconds} s of peace, got nothing of it`);
  }
}
