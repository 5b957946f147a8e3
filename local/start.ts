import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coerceError } from '../src/index';
import { checkEndpoints } from './once/endpoints';
import { jobsOf } from './once/jobs';
import { runOnce } from './once/run';
import { renderTable } from './once/table';
import { startWebhook } from './once/webhook';
import { projectRoot } from './servers/paths';
import { stackConsole } from './stack/console';
import { JobRuns } from './stack/job-runs';
import { LocalStack, type RunningStack, type StackOptions } from './stack/stack';
import { summaryLine } from './stack/summary';
import { tryItLines } from './stack/try-it';
import { within } from './stack/within';
import { startTraffic } from './web/traffic';

/**
 * What `npm start` runs: Redis, storage and a database (or one's own), the functions host on the built app, and the
 * sample web app with its traffic, until Ctrl-C. With `--once` it makes a fixed amount of traffic, fires every job
 * until nothing is left to do, opens every endpoint, checks the outcome, and exits with 0 only if all of it holds. With
 * `--sentinel` Redis is the set of `deploy/sentinel/`: a primary, two replicas and three sentinels.
 */
const SUMMARY_EACH_MS = 10_000;
const ONCE_MS = 120_000;
/** One Ctrl-C arrives more than once: from the terminal, from npm and from the script that npm runs. */
const ONE_CTRL_C_MS = 1_000;

const runs = new JobRuns();
const console_ = stackConsole(
  (line) => process.stdout.write(`${line}\n`),
  (run) => runs.add(run),
);
const { say } = console_;

/**
 * Resolves when we are asked to end: by a signal, or because nobody reads what we print any more (the terminal is closed,
 * the other end of the pipe is gone). A second Ctrl-C ends us at once, and the guardian kills the servers.
 */
const interrupted = new Promise<void>((resolve) => {
  let first: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      first ??= performance.now();
      if (signal === 'SIGINT' && performance.now() - first > ONE_CTRL_C_MS) {
        say('stopped at once: nothing was waited for, the servers are killed');
        process.exit(130);
      }
      resolve();
    });
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve());
});

/** Ends what makes traffic; set once there is any. */
let stopTraffic = async () => {};

/** Runs `use` on a stack until it resolves, fails, or we are asked to end; then ends the stack. Answers the exit code. */
async function withStack(
  options: Omit<StackOptions, 'console' | 'environment'>,
  use: (running: RunningStack) => Promise<boolean>,
): Promise<number> {
  const stack = new LocalStack({ ...options, environment: process.env, console: console_ });
  let isUp = false;
  const work = async () => {
    const running = await stack.start();
    isUp = true;
    const ended = running.host.process.exited.then((code) => {
      throw new Error(`The functions host ended by itself, with exit code ${code}; what it said is above`);
    });
    return Promise.race([use(running), ended]);
  };
  const asked = interrupted.then(() => {
    say('stopping: jobs under way may end');
    return undefined;
  });
  let succeeded: boolean | undefined;
  try {
    succeeded = await Promise.race([work(), asked]);
  } catch (thrown: unknown) {
    process.stderr.write(`${coerceError(thrown).message}\n`);
    succeeded = false;
  }
  const last = await stack.stop(() => stopTraffic());
  if (isUp || succeeded === undefined) say(last);
  return (succeeded ?? options.mode === 'watched') ? 0 : 1;
}

function watch(sentinel: boolean): Promise<number> {
  return withStack({ mode: 'watched', sentinel }, async ({ client, webClient, web, settings, lines }) => {
    for (const line of lines) say(line);
    process.stdout.write(`\n${tryItLines(settings).join('\n')}\n`);
    say('Ctrl-C stops all of it');
    const traffic = startTraffic(web.address, webClient.redis);
    const summaries = setInterval(() => {
      void summaryLine(client, console_, traffic).then(say, (thrown) => say(coerceError(thrown).message));
    }, SUMMARY_EACH_MS);
    stopTraffic = () => {
      clearInterval(summaries);
      return traffic.stop();
    };
    return new Promise(() => {});
  });
}

async function once(sentinel: boolean): Promise<number> {
  const began = performance.now();
  const webhook = await startWebhook();
  const key = () => randomBytes(16).toString('hex');
  const keys = { master: key(), function: key() };
  const code = await withStack({ mode: 'once', sentinel, more: onceSettings(webhook.url), keys }, async (running) => {
    const { client, host, web, lines } = running;
    for (const line of lines) say(line);
    const connection = client.settings.AzureWebJobsStorage;
    if (!connection) throw new Error('--once needs AzureWebJobsStorage to be a connection string');
    const functions = await host.functions();
    const work = runOnce({
      ...{ client, webhook, say, address: web.address },
      jobs: jobsOf(host, runs, client.settings, connection),
    });
    const checks = [
      ...(await inTime(work)),
      ...(await checkEndpoints({ address: host.address, functions, ...(host.kind === 'local' && { keys }) })),
    ];
    process.stdout.write(renderTable(checks));
    say(`${runs.all.length} job runs in ${Math.round((performance.now() - began) / 1000)} s`);
    return checks.every(({ ok }) => ok);
  });
  await within(1_000, webhook.stop());
  return code;
}

/** The rules hold the test alert only, and its notifications come to us. */
function onceSettings(webhookUrl: string): Readonly<Record<string, string>> {
  return {
    ALERT_RULES_FILE: join(projectRoot, 'local/once/alert-rules.json'),
    ALERT_WEBHOOK_URL: webhookUrl,
    ALERT_WEBHOOK_ALLOW_PRIVATE: 'true',
    ALERT_WEBHOOK_FORMAT: 'json',
    ALERT_GROUP_INTERVAL_SECONDS: '0',
  };
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`--once did not end within ${ONCE_MS / 1000} s`)), ONCE_MS).unref();
  });
  return Promise.race([work, late]);
}

const HELP = `npm start [-- options]   starts Redis, storage, a database, the app and a sample web app, until Ctrl-C

  --once       make a fixed amount of traffic, run every job, check the outcome and end
  --sentinel   start Redis as a primary with two replicas and three sentinels
  --help       show this
`;

function readOptions() {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { once: flag, sentinel: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (thrown: unknown) {
    const [fault] = coerceError(thrown).message.split('. ');
    throw new Error(`${fault}. The options are --once, --sentinel and --help`);
  }
}

async function main(): Promise<number> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  return values.once ? once(values.sentinel) : watch(values.sentinel);
}

main().then(
  (code) => process.exit(code),
  (thrown: unknown) => {
    process.stderr.write(`${coerceError(thrown).message}\n`);
    process.exit(1);
  },
);
