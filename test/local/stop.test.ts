import { connect } from 'node:net';
import { ensureBuilt } from '../built';
import { allGone, descendants, endAll, type RunningProcess, type StackProcess, startStack } from './stack-process';

beforeAll(ensureBuilt);
jest.setTimeout(120_000);
afterEach(endAll);

const SERVERS = {
  Redis: /redis-server|valkey-server/,
  storage: /azurite/,
  database: /pglite/,
  host: /local\/host\.js/,
};

async function up(): Promise<{ stack: StackProcess; processes: readonly RunningProcess[] }> {
  const stack = startStack();
  await stack.until(/Ctrl-C stops all of it/);
  await stack.until(/flushWrites +\d+ ms {2}saved \d+ writes/);
  return { stack, processes: await descendants(stack.pid) };
}

const find = (processes: readonly RunningProcess[], server: RegExp) => {
  const found = processes.find(({ command }) => server.test(command));
  if (!found) throw new Error(`${server} does not run`);
  return found.pid;
};

/** As a terminal sends it. */
const interrupt = ({ child }: StackProcess) => child.kill('SIGINT');

const NOTHING = /^stopped: nothing is left\. .*Redis, storage and database were in memory$/;
const UNKNOWN =
  /^stopped: nothing is left\. Storage did not answer: accepted writes that were not saved yet are gone\. /;

describe('a Ctrl-C ends all of it, and the last line says what is left, with', () => {
  test.each([
    ['Redis killed', SERVERS.Redis, 'SIGKILL', NOTHING],
    ['the database killed', SERVERS.database, 'SIGKILL', NOTHING],
    ['the database frozen', SERVERS.database, 'SIGSTOP', NOTHING],
    ['storage frozen', SERVERS.storage, 'SIGSTOP', UNKNOWN],
  ] as const)('%s', async (_, server, signal, last) => {
    const { stack, processes } = await up();
    process.kill(find(processes, server), signal);
    interrupt(stack);
    expect(await stack.ended).toBe(0);
    expect(stack.lines.at(-1)).toMatch(last);
    await allGone(processes);
  });

  test.each([
    [
      'storage killed, which the summary goes on to say',
      SERVERS.storage,
      'SIGKILL',
      /storage does not answer/,
      UNKNOWN,
    ],
    ['Redis frozen, which the summary goes on to say', SERVERS.Redis, 'SIGSTOP', /Redis does not answer/, NOTHING],
  ] as const)('%s', async (_, server, signal, summary, last) => {
    const { stack, processes } = await up();
    process.kill(find(processes, server), signal);
    await stack.until(new RegExp(`-- \\d+ requests.*${summary.source}`));
    interrupt(stack);
    expect(await stack.ended).toBe(0);
    expect(stack.lines.at(-1)).toMatch(last);
    await allGone(processes);
  });

  test('requests that never end', async () => {
    const { stack, processes } = await up();
    const addresses = [/web app: http:\/\/([\d.]+):(\d+)/, /functions host \(local\): http:\/\/([\d.]+):(\d+)/];
    const sockets = await Promise.all(
      addresses.map(async (listening) => {
        const [, host, port] = await stack.until(listening);
        const socket = connect(Number(port), host);
        socket.on('error', () => {});
        // The body never comes.
        socket.write(
          'PUT /profiles/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
        );
        return socket;
      }),
    );
    interrupt(stack);
    expect(await stack.ended).toBe(0);
    for (const socket of sockets) socket.destroy();
    await allGone(processes);
  });

  test('the host frozen: it is killed, and that is said', async () => {
    const { stack, processes } = await up();
    process.kill(find(processes, SERVERS.host), 'SIGSTOP');
    interrupt(stack);
    expect(await stack.ended).toBe(0);
    expect(stack.output).toContain('! the functions host did not end by itself and was killed');
    expect(stack.lines.at(-1)).toMatch(NOTHING);
    await allGone(processes);
  });
});

test('a host that ends by itself is one line, and ends the rest', async () => {
  const { stack, processes } = await up();
  process.kill(find(processes, SERVERS.host), 'SIGKILL');
  expect(await stack.ended).toBe(1);
  expect(stack.output).toContain('The functions host ended by itself');
  await allGone(processes);
});

test('a Ctrl-C before it has started leaves nothing', async () => {
  const stack = startStack();
  await stack.until(/starting Redis/);
  const processes = await descendants(stack.pid);
  interrupt(stack);
  expect(await stack.ended).toBe(0);
  expect(stack.lines.at(-1)).toBe('stopped before anything had started: nothing is left');
  await allGone(processes);
});

test('a second Ctrl-C ends it at once', async () => {
  const { stack, processes } = await up();
  process.kill(find(processes, SERVERS.host), 'SIGSTOP');
  interrupt(stack);
  await stack.until(/stopping/);
  // One Ctrl-C arrives as several signals; those of the first second count as one.
  const again = setInterval(() => interrupt(stack), 300);
  expect(await stack.ended).toBe(130);
  clearInterval(again);
  expect(stack.lines.at(-1)).toMatch(/^stopped at once/);
  await allGone(processes);
});

test('whoever reads it goes away: it ends as after a Ctrl-C', async () => {
  const { stack, processes } = await up();
  stack.child.stdout?.destroy();
  await allGone([...processes, { pid: stack.pid, command: '' }]);
});
