import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AlertState, emptyState } from '../../src/alerting/evaluate/alert-state';
import { evaluate } from '../../src/alerting/evaluate/evaluate';
import { loadRules } from '../../src/alerting/rules/alert-rules';
import { toPrometheusRules } from '../../src/alerting/rules/prometheus-rules';
import { MINUTE } from '../../src/clock';
import { findPromtool } from './promtool';
import { type RandomCase, random, randomCase, TICKS } from './random-cases';

const CASES = 600;
const CASES_A_FILE = 50;

let promtool: Awaited<ReturnType<typeof findPromtool>>;
let folder: string;

beforeAll(async () => {
  promtool = await findPromtool();
  if (!promtool)
    console.warn('SKIPPED: promtool can neither be found nor downloaded; alerts are not compared with Prometheus.');
  folder = await mkdtemp(join(tmpdir(), 'steward-promtool-'));
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What Prometheus is expected to say at each tick, taken from our own evaluation. */
function expectations(cases: readonly RandomCase[]): string[] {
  const lines: string[] = [];
  const states = new Map<RandomCase, AlertState>();
  for (let tick = 0; tick < TICKS; tick += 1) {
    const alerts: string[] = [];
    const since: string[] = [];
    for (const it of cases) {
      const { state } = evaluate([it.rule], it.series, states.get(it) ?? emptyState, tick * MINUTE);
      expect(state.faults).toEqual({});
      states.set(it, state);
      for (const instance of Object.values(state.alerts)) {
        if (instance.state === 'inactive') continue;
        const { alert, ...labels } = instance.labels;
        const named = (extra: object) =>
          Object.entries({ alertname: alert, ...labels, ...extra })
            .map(([name, value]) => `${name}="${value}"`)
            .join(',');
        alerts.push(`{labels: 'ALERTS{${named({ alertstate: instance.state })}}', value: 1}`);
        since.push(`{labels: 'ALERTS_FOR_STATE{${named({})}}', value: ${instance.activeAt / 1_000}}`);
      }
    }
    for (const [expr, samples] of [
      ['ALERTS', alerts],
      ['ALERTS_FOR_STATE', since],
    ] as const) {
      lines.push(
        `      - expr: ${expr}`,
        `        eval_time: ${tick}m`,
        `        exp_samples: [${samples.join(', ')}]`,
      );
    }
  }
  return lines;
}

/** Windows of Prometheus 2 are closed at both ends, ours at the newer one only: a second less excludes the older. */
function closedWindows(yaml: string, major: number): string {
  if (major > 2) return yaml;
  return yaml.replace(/(_over_time|predict_linear)\(([^[]*)\[(\d+)m\]/g, (_, name, rest, minutes) => {
    return `${name}(${rest}[${Number(minutes) * 60 - 1}s]`;
  });
}

test(`${CASES} random rules over random series: pending, firing and resolved as Prometheus says, at each tick`, async () => {
  if (!promtool) return;
  const dice = random(20_261_123);
  const files: string[] = [];
  let firing = 0;
  for (let file = 0; file * CASES_A_FILE < CASES; file += 1) {
    const cases = Array.from({ length: CASES_A_FILE }, (_, index) => randomCase(file * CASES_A_FILE + index, dice));
    const rules = join(folder, `rules-${file}.yml`);
    await writeFile(rules, closedWindows(toPrometheusRules(cases.map(({ rule }) => rule)), promtool.major));
    const expected = expectations(cases);
    firing += expected.filter((line) => line.includes('"firing"')).length;
    const input = cases.flatMap((it) =>
      it.input.map(({ series, values }) => `      - {series: '${series}', values: '${values}'}`),
    );
    const path = join(folder, `test-${file}.yml`);
    const head = [
      `rule_files: ['${rules}']`,
      'evaluation_interval: 1m',
      'tests:',
      '  - interval: 1m',
      '    input_series:',
    ];
    await writeFile(path, [...head, ...input, '    promql_expr_test:', ...expected].join('\n'));
    files.push(path);
  }
  const { ok, text } = await promtool.exec('test', 'rules', ...files);
  expect(ok ? '' : text.slice(0, 4_000)).toBe('');
  // The comparison would also pass if nothing ever happened.
  expect(firing).toBeGreaterThan(100);
}, 120_000);

test('the shipped rules, exported, are rules to Prometheus', async () => {
  if (!promtool) return;
  const path = join(folder, 'shipped.yml');
  await writeFile(path, toPrometheusRules(loadRules().rules));
  const { ok, text } = await promtool.exec('check', 'rules', path);
  expect(ok ? '' : text).toBe('');
});
