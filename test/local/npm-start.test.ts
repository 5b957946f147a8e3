import { ensureBuilt } from '../built';
import { allGone, descendants, endAll, type StackProcess, startByNpm } from './stack-process';

/** `npm start` itself, as a terminal, a container, a supervisor or CI ends it. */

beforeAll(ensureBuilt);
jest.setTimeout(120_000);
const running: StackProcess[] = [];
afterEach(() => {
  for (const { pid } of running.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  endAll();
});

async function up(): Promise<{ npm: StackProcess; processes: Awaited<ReturnType<typeof descendants>> }> {
  const npm = startByNpm();
  running.push(npm);
  await npm.until(/Ctrl-C stops all of it/);
  await npm.until(/flushWrites +\d+ ms {2}saved \d+ writes/);
  const processes = await descendants(npm.pid);
  for (const part of [/run\.mjs start/, /start\.mjs/, /redis-server|valkey-server/, /azurite/, /pglite/, /host\.js/]) {
    expect(processes.map(({ command }) => command)).toContainEqual(expect.stringMatching(part));
  }
  return { npm, processes };
}

const LAST = /^stopped: nothing is left\. .*Redis, storage and database were in memory$/;

test.each(['SIGTERM', 'SIGINT'] as const)('%s to npm alone ends all of it; npm waits for that', async (signal) => {
  const { npm, processes } = await up();
  process.kill(npm.pid, signal);
  expect(await npm.ended).toBe(0);
  expect(npm.lines.at(-1)).toMatch(LAST);
  await allGone(processes);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s to the process group ends all of it, once', async (signal) => {
  const { npm, processes } = await up();
  process.kill(-npm.pid, signal);
  await npm.ended;
  await allGone(processes);
  expect(npm.lines.filter((line) => line.startsWith('stopp'))).toEqual([
    'stopping: jobs under way may end',
    expect.stringMatching(LAST),
  ]);
});

test('SIGKILL to npm ends all of it', async () => {
  const { npm, processes } = await up();
  process.kill(npm.pid, 'SIGKILL');
  await npm.ended;
  expect(npm.lines.at(-1)).toMatch(LAST);
  await allGone(processes);
});

test('SIGKILL to the script that npm runs ends all of it', async () => {
  const { npm, processes } = await up();
  const script = processes.find(({ command }) => /run\.mjs start/.test(command));
  process.kill(script?.pid as number, 'SIGKILL');
  await npm.ended;
  expect(npm.lines.filter((line) => line.startsWith('stopped'))).toEqual([expect.stringMatching(LAST)]);
  await allGone(processes);
});
