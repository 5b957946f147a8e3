import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt } from '../built';

beforeAll(ensureBuilt);

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Started {
  readonly child: ChildProcess;
  output: string;
  /** Resolves once the output holds `text`; rejects when it ends without. */
  until(text: string | RegExp): Promise<void>;
}

function start(args: readonly string[], env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/local/start.js'), ...args], {
    cwd: projectRoot,
    env: { ...process.env, STEWARD_HOST: 'local', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const started: Started = {
    child,
    output: '',
    async until(text) {
      const holds = () => (typeof text === 'string' ? started.output.includes(text) : text.test(started.output));
      while (!holds()) {
        if (child.exitCode !== null) throw new Error(`It ended: ${started.output}`);
        await sleep(50);
      }
    },
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      started.output += text;
    });
  }
  return started;
}

/** Processes that descend from `pid`. */
async function descendants(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '') : '';
    const parent = /\) \S (\d+)/.exec(stat)?.[1];
    if (parent) parents.set(Number(name), Number(parent));
  }
  const found = [pid];
  for (const of of found) for (const [child, parent] of parents) if (parent === of) found.push(child);
  return found.slice(1);
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('what cannot be reached is one clear line each, and a failed start', async () => {
  const nowhere = '127.0.0.1:1';
  const started = start([], { REDIS_URL: `redis://${nowhere}`, DATABASE_URL: `postgres://u:secret@${nowhere}/d` });
  const [code] = await once(started.child, 'close');
  expect(code).toBe(1);
  expect(started.output.trim().split('\n')).toEqual([
    expect.stringMatching(/^Redis can't be reached: /),
    expect.stringMatching(/^database can't be reached: /),
  ]);
  expect(started.output).not.toContain('secret');
});

test('a wrong setting stops the start with the message that names it', async () => {
  const started = start([], { REDIS_DEADLINE_MS: 'soon' });
  const [code] = await once(started.child, 'close');
  expect(code).toBe(1);
  expect(started.output).toContain('REDIS_DEADLINE_MS: expected a whole number from 1 to 60000, got "soon"');
});

test('the stack says where things listen, shows the runs of jobs, and a Ctrl-C leaves no process', async () => {
  const started = start([]);
  await started.until(/dashboard: http:\/\/127\.0\.0\.1:\d+\/api\/dashboard/);
  await started.until(/flushWrites +\d+ ms {2}saved \d+ writes/);
  await started.until(/planRefreshes +\d+ ms/);
  const host = /functions host \(local\): (\S+)/.exec(started.output)?.[1];
  const functions = (await (await fetch(`${host}/admin/functions`)).json()) as { name: string; trigger: string }[];
  expect(functions.map(({ name, trigger }) => `${name} ${trigger}`)).toEqual(
    expect.arrayContaining([
      'flushWrites queueTrigger',
      'drainPoison timerTrigger',
      'planRefreshes timerTrigger',
      'refreshEntries queueTrigger',
      'planSweep timerTrigger',
      'sweepShard queueTrigger',
      'collectMetrics timerTrigger',
      'evaluateAlerts timerTrigger',
      'notifyAlerts queueTrigger',
    ]),
  );
  const processes = await descendants(started.child.pid as number);
  // Redis, Azurite, PGlite, the host and the guardian.
  expect(processes.length).toBeGreaterThanOrEqual(4);
  started.child.kill('SIGINT');
  const [code] = await once(started.child, 'close');
  expect(code).toBe(0);
  expect(started.output).toContain('draining');
  for (let look = 0; look < 200 && processes.some(isAlive); look += 1) await sleep(25);
  expect(processes.filter(isAlive)).toEqual([]);
});
