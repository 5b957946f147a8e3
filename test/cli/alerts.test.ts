import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { rules } from '../../alerts/rules.json';
import { registerAlerts } from '../../src/cli/commands/alerts-command';
import type { CliIo } from '../../src/cli/io';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  let code: number | undefined;
  const io: CliIo = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    env: {},
    isTerminal: false,
    exit: (given) => {
      code = given;
    },
  };
  const program = new Command().exitOverride();
  registerAlerts(program, io);
  await program.parseAsync(['alerts', ...args], { from: 'user' });
  return { out: out.join('\n'), err: err.join('\n'), code };
}

test('check says how many rules there are, and names every fault of a file that is wrong', async () => {
  expect(await run('check')).toMatchObject({ code: 0, out: `${rules.length} rules, no faults` });
  const file = join(folder, 'wrong.json');
  await writeFile(file, JSON.stringify({ version: 1, rules: [{ name: 'x' }] }));
  const { code, err } = await run('check', file);
  expect(code).toBe(1);
  expect(err).toMatch(/rules\[0\] \(x\)\.name/);
  expect(err).toMatch(/rules\[0\] \(x\)\.metric/);
});

test('test says what the shipped rules would have said of a series', async () => {
  const file = join(folder, 'series.json');
  const values = [0.5, ...Array(8).fill(0.9), 0.5];
  const labels = { cache: 'redis', node: 'a:6379' };
  await writeFile(file, JSON.stringify({ series: [{ metric: 'redis_memory_used_share', labels, values }] }));
  const { out } = await run('test', '--series', file);
  expect(out).toContain('1m  pending   MemoryHigh  Node a:6379 of redis uses 90 % of its memory.');
  expect(out).toContain('6m  firing    MemoryHigh');
  expect(out).toContain('9m  resolved  MemoryHigh');
});

test('export prints a Prometheus rules file', async () => {
  const { out } = await run('export', '--prometheus');
  expect(out).toMatch(/^groups:/);
  expect(out).toContain('alert: RedisDown');
  expect(out).toContain('runbook: "docs/runbooks/redis-down.md"');
});
