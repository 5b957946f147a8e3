import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../../local/servers';

const run = promisify(execFile);

/** Prometheus' own judge of rules, where the machine or the distribution has it. */
export async function findPromtool() {
  const program = await findProgram({
    names: ['promtool'],
    packages: [{ names: ['prometheus'], path: 'usr/bin/promtool' }],
  });
  if (!program) return undefined;
  const exec = async (...args: (string | { stdin: string })[]) => {
    const words = args.filter((arg) => typeof arg === 'string');
    const running = run(program.path, words, { env: { ...process.env, ...program.env }, maxBuffer: 1e8 });
    const input = args.find((arg) => typeof arg !== 'string');
    if (input) running.child.stdin?.end(input.stdin);
    try {
      const { stdout, stderr } = await running;
      return { ok: true, text: stdout + stderr };
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return { ok: false, text: stdout + stderr || String(error) };
    }
  };
  const { text } = await exec('--version');
  return { exec, major: Number(/version (\d+)/.exec(text)?.[1] ?? 2) };
}
