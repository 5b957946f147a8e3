import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort, type RunningRedis, startRedis } from '../../../local/servers';
import { ensureBuilt, packageFolder } from '../../built';

const run = promisify(execFile);

interface Result {
  readonly calls: number;
  readonly hanging: readonly string[];
  readonly unhandled: readonly string[];
}

let server: RunningRedis;
beforeAll(async () => {
  ensureBuilt();
  server = await startRedis();
});
afterAll(() => server?.stop());

/** A process of its own, since what ends a process can only be seen from outside it. */
async function misbehave(environment: Record<string, string> = {}): Promise<Result> {
  const child = resolve(__dirname, 'misbehaving-child.cjs');
  const args = [child, packageFolder, server.adminUrl, `redis://127.0.0.1:${await freePort()}`];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, ...environment }, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Result;
}

test('whatever a callback, a port, a listener or a reply does, every call settles and nothing reaches the event loop', async () => {
  const { calls, hanging, unhandled } = await misbehave();
  expect(unhandled).toEqual([]);
  expect(hanging).toEqual([]);
  expect(calls).toBeGreaterThan(4_000);
}, 600_000);

test('the check sees what reaches the event loop', async () => {
  expect((await misbehave({ CONTROL: '1' })).unhandled).toEqual(['rejection: the control']);
}, 600_000);
