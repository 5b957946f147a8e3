import type { Command } from 'commander';
import { systemClock } from '../../clock';
import { createTableSampleStore, latestBatches, overviewOf, renderPrometheus } from '../../monitoring';
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
        for (const [part, figures] of Object.entries(overviewOf(batches))) {
          for (const [name, value] of Object.entries<number | null>(figures)) {
            io.out(`${`${part}.${name}`.padEnd(36)} ${value ?? '-'}`);
          }
        }
      }
      io.exit(0);
    });
}
