import { Command } from 'commander';
import { version } from '../../package.json';
import { coerceError, errorCode } from '../errors';
import { registerAlerts } from './commands/alerts-command';
import { registerDeadLetters } from './commands/dead-letters-command';
import { registerDoctor } from './commands/doctor-command';
import { registerMetrics } from './commands/metrics-command';
import { registerReport } from './commands/report-command';
import { registerSecrets } from './commands/secrets-command';
import { registerSweep } from './commands/sweep-command';
import { registerVerify } from './commands/verify-command';
import { type CliIo, exitWhenUnread } from './io';

exitWhenUnread(process.stdout);
exitWhenUnread(process.stderr);

const io: CliIo = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  env: process.env,
  isTerminal: process.stdout.isTTY === true,
  exit: (code) => {
    process.exitCode = code;
  },
};

const program = new Command('cache-steward')
  .description('Keeps a Redis cache on Azure fast, clean and watched.')
  .version(version)
  .showHelpAfterError();

for (const register of [
  registerReport,
  registerAlerts,
  registerDeadLetters,
  registerDoctor,
  registerMetrics,
  registerSecrets,
  registerSweep,
  registerVerify,
]) {
  register(program, io);
}

program.parseAsync().catch((thrown: unknown) => {
  const error = coerceError(thrown);
  io.err(`${errorCode(error)}: ${error.message}`);
  io.exit(1);
});
