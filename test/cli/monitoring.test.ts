import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { createBlobAlertState } from '../../src/alerting';
import { registerMetrics } from '../../src/cli/commands/metrics-command';
import { registerReport } from '../../src/cli/commands/report-command';
import { HOUR, MINUTE } from '../../src/clock';
import { openRecords } from '../../src/hygiene';
import { createTableSampleStore } from '../../src/monitoring';
import { storageClients } from '../../src/storage/clients';
import { batchOf } from '../monitoring/sample-store-conformance';
import { azuriteStorage, settingsFor } from '../monitoring/support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
let folder: string;
beforeAll(async () => {
  azurite = await azuriteStorage();
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterAll(async () => {
  await azurite.stop();
  await rm(folder, { recursive: true, force: true });
});

let prefixes = 0;

/** An account of its own, and the commands on it. */
function account() {
  prefixes += 1;
  const env = { AzureWebJobsStorage: azurite.connectionString, STORAGE_NAME_PREFIX: `cli${prefixes}x` };
  const storage = storageClients(settingsFor(env));
  const run = async (...args: string[]) => {
    const out: string[] = [];
    const err: string[] = [];
    let code: number | undefined;
    const program = new Command().exitOverride();
    const io = {
      ...{ out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) },
      ...{ env, isTerminal: false },
      exit: (status: number) => {
        code = status;
      },
    };
    registerMetrics(program, io);
    registerReport(program, io);
    await program.parseAsync(args, { from: 'user' });
    return { code, out: out.join('\n'), err: err.join('\n') };
  };
  return { storage, run };
}

const now = Math.floor(Date.now() / MINUTE) * MINUTE;
const sample = (at: number) =>
  batchOf(at, 'a:1', {
    ...{ redis_up: 1, redis_memory_used_bytes: 1_000, redis_memory_max_bytes: 4_000, redis_clients: 7 },
    ...{ redis_keyspace_hits: 90, redis_keyspace_misses: 10, redis_commands: 600, redis_interval_seconds: 60 },
  });

describe('metrics', () => {
  test('without a fresh sample it says so and exits 1', async () => {
    const { storage, run } = account();
    const expected = {
      code: 1,
      out: '',
      err: 'There is no sample from the last five minutes. Check that the job collectMetrics runs.',
    };
    expect(await run('metrics')).toEqual(expected);
    await createTableSampleStore({ storage }).write([sample(now - HOUR)], []);
    expect(await run('metrics')).toEqual(expected);
  });

  test('the newest samples are shown as lines, as an object and as Prometheus reads them', async () => {
    const { storage, run } = account();
    const baseline = { source: 'a:1', at: now, readAt: now, identity: 'run', counters: {} };
    await createTableSampleStore({ storage }).write(
      [sample(now)],
      [{ ...baseline, totals: { redis_keyspace_hits: 12_345 } }],
    );
    const lines = await run('metrics');
    expect(lines.code).toBe(0);
    const time = new Date(now).toISOString().replace('.000Z', 'Z');
    expect(lines.out).toMatch(new RegExp(`^sample of ${time} \\(\\d+ s ago\\) of a:1$`, 'm'));
    expect(lines.out).toMatch(/^memory\.used +1000$/m);
    expect(lines.out).toMatch(/^performance\.hit_rate +0\.9$/m);
    expect(lines.out).toMatch(/^persistence\.last_save +-$/m);
    expect(JSON.parse((await run('metrics', '--json')).out)).toMatchObject({
      memory: { used: 1_000 },
      connections: { connected: 7 },
    });
    const { out } = await run('metrics', '--prometheus');
    expect(out).toMatch(/^redis_memory_used_bytes\{cache="test",node="a:1"\} 1000$/m);
    expect(out).toMatch(/^redis_keyspace_hits_total\{cache="test",node="a:1"\} 12345$/m);
  });
});

describe('report', () => {
  test('over an empty account it is a report of nothing, not a failure', async () => {
    expect(await account().run('report')).toEqual({ code: 0, out: '- Nothing needs to be done.', err: '' });
  });

  test('it holds the samples, firings and census of the account, as JSON and as a page', async () => {
    const { storage, run } = account();
    const at = now - 30 * MINUTE;
    await createTableSampleStore({ storage }).write([sample(at), sample(at + MINUTE)], []);
    const instance = {
      ...{ rule: 'MemoryHigh', state: 'firing', labels: { alert: 'MemoryHigh', severity: 'warning', node: 'a:1' } },
      ...{ activeAt: at, firedAt: at, value: 0.9, summary: 'Memory.', runbook: 'docs/runbooks/memory-high.md' },
    };
    await createBlobAlertState({ storage }).write('state', { alerts: { a: instance }, episodes: [] }, undefined);
    const findings = { groups: { 'shop:item': [40, ...Array(30).fill(0)] }, big: [], measured: false };
    const last = { finishedAt: at, faults: [], figures: {}, findings };
    await openRecords(storage).write('census/pass.json', { last }, undefined);

    const page = join(folder, 'report.html');
    const { code, out } = await run('report', '--since', '2h', '--html', page, '--json');
    expect(code).toBe(0);
    const data = JSON.parse(out);
    expect(Date.parse(data.until) - Date.parse(data.from)).toBe(2 * HOUR);
    expect(data).toMatchObject({
      now: { hitRate: 0.9, commandsPerSecond: 10 },
      alerts: [{ alert: 'MemoryHigh', resolvedAt: null }],
      census: { total: { keys: 40 } },
    });
    const html = await readFile(page, 'utf8');
    expect(html).toContain('<td>shop:item</td><td>40</td>');
    const advice = '- An alert still fires: start with MemoryHigh.';
    expect((await run('report', '--since', '1m', '--html', page)).out).toBe(`written to ${page}\n${advice}`);
  });

  test.each(['7', 'a week', '0s', '-1h'])('a period of %p is a wrong call', async (since) => {
    const { code, err } = await account().run('report', `--since=${since}`);
    expect(code).toBe(2);
    expect(err).toBe(`Expected --since to be a duration such as 24h or 7d, got ${since}`);
  });
});
