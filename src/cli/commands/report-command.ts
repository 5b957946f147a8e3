import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type AlertState, createBlobAlertState, firingsOf } from '../../alerting';
import { DURATION, durationMs } from '../../alerting/rules/duration';
import { systemClock } from '../../clock';
import { openRecords, readCensus } from '../../hygiene';
import { createReport, createTableSampleStore } from '../../monitoring';
import { readSettings } from '../../settings';
import { storageClients } from '../../storage/clients';
import type { CliIo } from '../io';

/** `cache-steward report --since 7d`: reports on any period, from the stored samples. */
export function registerReport(program: Command, io: CliIo): void {
  program
    .command('report')
    .description('Report on a period up to now: prints what to do next, or everything as a page or JSON.')
    .option('--since <duration>', 'length of the period, such as 24h or 7d', '24h')
    .option('--html <file>', 'write the page to this file')
    .option('--json', 'print all figures as one object')
    .action(async ({ since, html, json }: { since: string; html?: string; json?: boolean }) => {
      if (!DURATION.test(since) || durationMs(since) <= 0) {
        io.err(`Expected --since to be a duration such as 24h or 7d, got ${since}`);
        return io.exit(2);
      }
      const settings = readSettings(io.env);
      const storage = storageClients(settings);
      const state = createBlobAlertState({ storage });
      const report = createReport({
        storage,
        cache: settings.CACHE_NAME,
        store: createTableSampleStore({ storage }),
        census: () => readCensus(openRecords(storage)),
        alerts: async () => {
          const stored = await state.read<AlertState>('state');
          return stored ? firingsOf(stored.value) : [];
        },
      });
      const made = await report.make(new Date(systemClock.now()), durationMs(since));
      if (html !== undefined) {
        await writeFile(html, made.html);
        // With --json, standard output holds the object and nothing else.
        if (!json) io.out(`written to ${html}`);
      }
      if (json) io.out(JSON.stringify(made.data, null, 2));
      else for (const line of made.data.advice) io.out(`- ${line}`);
      io.exit(0);
    });
}
