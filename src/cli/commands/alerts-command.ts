import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadRules, toPrometheusRules } from '../../alerting';
import { dryRun, seriesFileSchema } from '../../alerting/evaluate/dry-run';
import { MINUTE } from '../../clock';
import { coerceError } from '../../errors';
import type { CliIo } from '../io';

/** `cache-steward alerts check | test | export`: works on rules, without Redis and without storage. */
export function registerAlerts(program: Command, io: CliIo): void {
  const command = program.command('alerts').description('Check, test and export alert rules.');
  const rulesOf = (file: string | undefined) => {
    const { ALERT_RULES_FILE, ALERT_RUNBOOKS_URL } = io.env;
    return loadRules(file ?? ALERT_RULES_FILE, ALERT_RUNBOOKS_URL || undefined);
  };

  command
    .command('check [file]')
    .description(
      'Check a rules file (default: ALERT_RULES_FILE, else the shipped one). Exits with 1 and lists every fault.',
    )
    .action(async (file?: string) => {
      try {
        const { rules } = rulesOf(file);
        io.out(`${rules.length} rules, no faults`);
        io.exit(0);
      } catch (error) {
        io.err(coerceError(error).message);
        io.exit(1);
      }
    });

  command
    .command('test [file]')
    .description('Show when the rules would fire for your own series.')
    .requiredOption(
      '--series <file>',
      'JSON: { "series": [{ "metric", "labels", "values": [1, null, 3] }] }, one value per minute',
    )
    .option('--json', 'print one array instead of lines')
    .action(async (file: string | undefined, { series, json }: { series: string; json?: boolean }) => {
      const { rules } = rulesOf(file);
      const parsed = seriesFileSchema.safeParse(JSON.parse(await readFile(series, 'utf8')));
      if (!parsed.success) {
        for (const { path, message } of parsed.error.issues) io.err(`${path.map(String).join('.')}: ${message}`);
        return io.exit(2);
      }
      const events = dryRun(rules, parsed.data).map(({ kind, instance, at }) => ({
        minute: at / MINUTE,
        kind,
        alert: instance.rule,
        labels: instance.labels,
        summary: instance.summary,
      }));
      if (json) io.out(JSON.stringify(events, null, 2));
      else {
        for (const { minute, kind, alert, summary } of events)
          io.out(`${minute}m  ${kind.padEnd(8)}  ${alert}  ${summary}`);
        if (events.length === 0) io.out('no alert fires');
      }
      io.exit(0);
    });

  command
    .command('export [file]')
    .description('Print the rules in the format of another system.')
    .requiredOption('--prometheus', 'a Prometheus rules file for the metrics of /api/metrics')
    .action(async (file?: string) => {
      const { rules } = rulesOf(file);
      io.out(toPrometheusRules(rules).trimEnd());
      io.exit(0);
    });
}
