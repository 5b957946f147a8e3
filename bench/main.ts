import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeReadme } from './readme';
import type { BenchResult, Scenario } from './types';

const [name, ...rest] = process.argv.slice(2);
const json = rest.includes('--json');
const folder = join(__dirname, 'scenarios');
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.replace(/\.js$/, ''));

async function main(): Promise<number> {
  if (name === 'readme') {
    await writeReadme(run);
  } else if (name && known.includes(name)) {
    await run(name);
  } else {
    console.error(`Expected readme or one of the scenarios ${known.join(', ')}, got ${name ?? 'nothing'}.`);
    return 2;
  }
  return 0;
}

async function run(name: string): Promise<BenchResult> {
  const { scenario } = require(join(folder, `${name}.js`)) as { scenario: Scenario };
  const result = await scenario.run(rest.filter((arg) => arg !== '--json'));
  console.log(json ? JSON.stringify(result) : table(result));
  return result;
}

function table(result: BenchResult): string {
  const lines = [`\n${result.scenario}`];
  for (const part of ['figures', 'peers', 'ratios'] as const) {
    const rows = Object.entries(result[part]);
    if (rows.length === 0) continue;
    lines.push(`  ${part}`);
    for (const [key, value] of rows) lines.push(`    ${key.padEnd(36)} ${shown(value)}`);
  }
  if (result.bars.length > 0) lines.push('  bars');
  for (const bar of result.bars) {
    lines.push(`    ${bar.name.padEnd(36)} ${shown(bar.got).padEnd(12)} ${bar.asked}: ${bar.met ? 'met' : 'NOT MET'}`);
  }
  return lines.join('\n');
}

function shown(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
