import type { Command } from 'commander';
import { SECOND, systemClock } from '../../clock';
import {
  createTableSampleStore,
  latestBatches,
  overviewOf,
  renderPrometheus,
  type SampleBatch,
} from '../../monitoring';
import { readSettings } from '../../settings';
import { storageClients } from '../../storage/clients';
import type { CliIo } from '../io';

/** `cache-steward metrics`: shows the newest stored samples. */
export function registerMetrics(program: Command, io: CliIo): void {
  program
    .command('metrics')
    .description('Show the newest samples. Exits with 1 if all are older than five minutes.')
    .option('--prometheus', 'show all of them, as /api/metrics does')
    .option('--json', 'print the overview as one object')
    .action(async ({ prometheus, json }: { prometheus?: boolean; json?: boolean }) => {
      const samples = createTableSampleStore({ storage: storageClients(readSettings(io.env)) });
      const now = systemClock.now();
      const batches = await latestBatches(samples, now);
      if (batches.length === 0) {
        io.err('There is no sample from the last five minutes. Check that the job collectMetrics runs.');
        return io.exit(1);
      }
      if (prometheus) io.out(renderPrometheus(batches, await samples.baselines(now)).trimEnd());
      else if (json) io.out(JSON.stringify(overviewOf(batches), null, 2));
      else {
        for (const line of sourcesOf(batches, now)) io.out(line);
        for (const [part, figures] of Object.entries(overviewOf(batches))) {
          for (const [name, value] of Object.entries<number | null>(figures)) {
            io.out(`${`${part}.${name}`.padEnd(36)} ${value ?? '-'}`);
          }
        }
      }
      io.exit(0);
    });
}

/** `sample of 2026-11-28T18:40:00Z (12 s ago) of a:6379, app`: a line for each time that a newest sample has. */
function sourcesOf(batches: readonly SampleBatch[], now: number): readonly string[] {
  const times = [...new Set(batches.map(({ at }) => at))].sort((a, b) => b - a);
  return times.map((time) => {
    const sources = batches.filter(({ at }) => at === time).map(({ source }) => source);
    const age = Math.max(0, Math.round((now - time) / SECOND));
    return `sample of ${new Date(time).toISOString().replace('.000Z', 'Z')} (${age} s ago) of ${sources.sort().join(', ')}`;
  });
}
