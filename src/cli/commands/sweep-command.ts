import type { Command } from 'commander';
import { coerceError } from '../../errors';
import { runSweepHere } from '../../hygiene/engine/run-here';
import { SWEEPS, type SweepName } from '../../hygiene/records/sweep-record';
import type { CliIo } from '../io';
import { progressBar, showStatus, showSummary } from '../sweep/sweep-output';
import { SweepCallError, type SweepFlags, sweepSettings } from '../sweep/sweep-settings';
import { declaredPrefixes, openTarget } from '../sweep/sweep-target';

/** `cache-steward sweep [sessions|census|reclaim]`: sweeps any Redis from here, without Functions or storage. */
export function registerSweep(program: Command, io: CliIo): void {
  program
    .command('sweep')
    .description('Scan every key once: give sessions a TTL, take a census, or remove invalidated entries.')
    .argument('[sweep]', `${SWEEPS.join(', ')}; or status: the progress of the scheduled sweeps`, 'sessions')
    .option('--url <url>', 'the Redis to sweep, or any node of a cluster (default: REDIS_URL or REDIS_NODES)')
    .option('--match <glob>', 'only keys that match this glob (as in SCAN); for sessions, the keys that are sessions')
    .option('--dry-run', 'report what would be done, and change nothing')
    .option('--duty <share>', 'largest share of the server’s time: 25% or 0.25 (default: SWEEP_DUTY, 10%)')
    .option('--json', 'print one object instead of lines')
    .action(async (name: string, flags: SweepFlags) => {
      try {
        if (name === 'status') for (const line of await showStatus(io.env, flags.json === true)) io.out(line);
        io.exit(name === 'status' ? 0 : await run(name, flags, io));
      } catch (thrown: unknown) {
        if (!(thrown instanceof SweepCallError)) throw thrown;
        io.err(coerceError(thrown).message);
        io.exit(2);
      }
    });
}

async function run(given: string, flags: SweepFlags, io: CliIo): Promise<0 | 1> {
  const sweep: SweepName | undefined = SWEEPS.find((name) => name === given);
  if (!sweep) throw new SweepCallError(`Expected one of ${SWEEPS.join(', ')}, got ${JSON.stringify(given)}`);
  const { settings, only } = sweepSettings(sweep, flags, io.env);
  const { redis, settings: opened } = await openTarget(settings);
  const bar = progressBar(io, flags.json === true);
  try {
    const dryRun = flags.dryRun === true;
    const prefixes = sweep === 'reclaim' ? await declaredPrefixes(redis) : [];
    const servers = new Set((await redis.nodes('masters')).map(({ address }) => address));
    const summary = await runSweepHere({
      redis,
      settings: opened,
      sweep,
      dryRun,
      prefixes,
      ...(only && { only }),
      onProgress: bar.show,
      onWorkItem: ({ outcome, reason }) => {
        if (outcome === 'paused') bar.say(`paused for ${reason}; continues in ${opened.SWEEP_PAUSE_SECONDS} s`);
      },
    });
    bar.end();
    for (const line of showSummary(sweep, summary, servers.size, flags.json === true)) io.out(line);
    return summary.faults.length === 0 ? 0 : 1;
  } finally {
    await redis.close();
  }
}
