import type { Command } from 'commander';
import { coerceError } from '../../errors';
import { runSweepHere } from '../../hygiene/engine/run-here';
import { SWEEPS, type SweepName } from '../../hygiene/records/sweep-record';
import type { CliIo } from '../io';
import { progressBar } from '../sweep/bar';
import { openTarget } from '../sweep/open';
import { declaredPrefixes } from '../sweep/prefixes';
import { showSummary } from '../sweep/show';
import { showStatus } from '../sweep/status';
import { SweepCallError, type SweepFlags, sweepSettings } from '../sweep/sweep-settings';

/** `cache-steward sweep [sessions|census|reclaim]`: one pass over any Redis, from here, without Functions or storage. */
export function registerSweep(program: Command, io: CliIo): void {
  program
    .command('sweep')
    .description('Walk every key once: give sessions a TTL, take a census, or reclaim what was invalidated.')
    .argument('[pass]', `${SWEEPS.join(', ')}; or status: how far the scheduled passes are`, 'sessions')
    .option('--url <url>', 'the Redis to walk, a node of a cluster included (default: REDIS_URL or REDIS_NODES)')
    .option('--match <glob>', 'only keys that match, as SCAN has it; for sessions, which keys are sessions')
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--duty <share>', 'largest share of the server’s time: 25% or 0.25 (default: SWEEP_DUTY, 10%)')
    .option('--json', 'print one object instead of lines')
    .action(async (pass: string, flags: SweepFlags) => {
      try {
        if (pass === 'status') for (const line of await showStatus(io.env, flags.json === true)) io.out(line);
        io.exit(pass === 'status' ? 0 : await sweep(pass, flags, io));
      } catch (thrown: unknown) {
        if (!(thrown instanceof SweepCallError)) throw thrown;
        io.err(coerceError(thrown).message);
        io.exit(2);
      }
    });
}

async function sweep(given: string, flags: SweepFlags, io: CliIo): Promise<0 | 1> {
  const pass: SweepName | undefined = SWEEPS.find((name) => name === given);
  if (!pass) throw new SweepCallError(`Expected a pass out of ${SWEEPS.join(', ')}, got ${JSON.stringify(given)}`);
  const { settings, only } = sweepSettings(pass, flags, io.env);
  const { redis, settings: opened } = await openTarget(settings);
  const bar = progressBar(io, flags.json === true);
  try {
    const dryRun = flags.dryRun === true;
    const prefixes = pass === 'reclaim' ? await declaredPrefixes(redis) : [];
    const summary = await runSweepHere({
      ...{ redis, settings: opened, sweep: pass, dryRun, prefixes },
      ...(only === undefined ? {} : { only }),
      onProgress: bar.show,
      onWorkItem: ({ outcome, reason }) => {
        if (outcome === 'paused') bar.say(`paused for ${reason}; it goes on in ${opened.SWEEP_PAUSE_SECONDS} s`);
      },
    });
    bar.end();
    for (const line of showSummary(pass, summary, flags.json === true)) io.out(line);
    return summary.faults.length === 0 ? 0 : 1;
  } finally {
    await redis.close();
  }
}
