import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Client, coerceError, createClient, createEntities, readSettings } from '../src/index';
import { jobsOf } from './once/jobs';
import { runOnce } from './once/run';
import { renderTable } from './once/table';
import { startWebhook } from './once/webhook';
import { projectRoot } from './servers/paths';
import { consoleLogger, stackConsole } from './stack/console';
import { type FunctionsHost, startFunctionsHost } from './stack/functions-host';
import { JobRuns } from './stack/job-runs';
import { unreachable } from './stack/reachable';
import { startServices } from './stack/services';
import { stackEnvironment } from './stack/settings';
import { summaryLine } from './stack/summary';
import { startTraffic } from './web/traffic';
import { sampleSessions } from './web/web-app';
import { startWebServer, type WebServer } from './web/web-server';

/**
 * What `npm start` runs: Redis, storage and a database (or one's own), the functions host on the built app, and the
 * sample web app with its traffic, until Ctrl-C. With `--once` it makes a fixed amount of traffic, fires every job
 * until nothing is left to do, checks the outcome, and exits with 0 only if all of it holds. With `--sentinel` Redis is
 * the set of `deploy/sentinel/`: a primary, two replicas and three sentinels.
 */
const SUMMARY_EACH_MS = 10_000;
const DRAIN_MS = 30_000;
const ONCE_MS = 120_000;

const flag = { type: 'boolean', default: false } as const;
const { values: options } = parseArgs({ options: { once: flag, sentinel: flag } });

/** What is to be stopped, the last started first. */
const stops: (() => Promise<unknown>)[] = [];
const runs = new JobRuns();
const console_ = stackConsole(
  (line) => process.stdout.write(`${line}\n`),
  (run) => runs.add(run),
);

interface Stack {
  /** With the rights of the app. */
  readonly client: Client;
  /** With those of the web app. */
  readonly webClient: Client;
  readonly host: FunctionsHost;
  readonly web: WebServer;
}

async function startStack(mode: 'watched' | 'once', more: Readonly<Record<string, string>> = {}): Promise<Stack> {
  // A wrong setting is told before anything is started.
  readSettings(stackEnvironment(process.env, more, mode));
  const services = await startServices(process.env, { sentinel: options.sentinel });
  stops.push(services.stop);
  const env = stackEnvironment(process.env, { ...services.env, ...more }, mode);
  // Until all was reached once, what fails is told in one line each by `unreachable`.
  let starting = true;
  const logger = consoleLogger(console_.say, () => starting);
  const open = (environment: typeof env) => {
    const client = createClient({ entities: createEntities, settings: readSettings(environment), logger });
    stops.push(() => client.close());
    return client;
  };
  const client = open(env);
  const faults = await unreachable(client);
  starting = false;
  if (faults.length > 0) throw new Error(faults.join('\n'));
  await client.migrate();
  const webClient = open(stackEnvironment(process.env, { ...services.webEnv, ...more }, mode));
  const [host, web] = await Promise.all([
    startFunctionsHost({ env, onLine: console_.hostLine }),
    startWebServer({ cache: webClient.cache, sessions: sampleSessions(webClient.redis) }),
  ]);
  stops.push(
    () => host.process.stop(DRAIN_MS),
    () => web.stop(),
  );
  for (const line of services.lines) console_.say(line);
  console_.say(`functions host (${host.kind}): ${host.address}`);
  console_.say(`web app: ${web.address}`);
  console_.say(`dashboard: ${host.address}/api/dashboard`);
  return { client, webClient, host, web };
}

async function watch(): Promise<void> {
  const { client, webClient, web } = await startStack('watched');
  const traffic = startTraffic(web.address, webClient.redis);
  const summaries = setInterval(() => {
    void summaryLine(client, console_, traffic).then(console_.say, (thrown) =>
      console_.say(coerceError(thrown).message),
    );
  }, SUMMARY_EACH_MS);
  stops.push(async () => {
    clearInterval(summaries);
    await traffic.stop();
  });
  console_.say('Ctrl-C drains and stops all of it');
  await interrupted;
  console_.say('draining');
}

async function once(): Promise<boolean> {
  const began = performance.now();
  const webhook = await startWebhook();
  stops.push(webhook.stop);
  const { client, host, web } = await startStack('once', onceSettings(webhook.url));
  const connection = client.settings.AzureWebJobsStorage;
  if (!connection) throw new Error('--once needs AzureWebJobsStorage to be a connection string');
  const checks = await inTime(
    runOnce({
      client,
      jobs: jobsOf(host, runs, client.settings, connection),
      webhook,
      address: web.address,
      say: console_.say,
    }),
  );
  process.stdout.write(renderTable(checks));
  console_.say(`${runs.all.length} job runs in ${Math.round((performance.now() - began) / 1000)} s`);
  return checks.every(({ ok }) => ok);
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
  const stopped = interrupted.then(() => Promise.reject(new Error('interrupted')));
  return Promise.race([work, late, stopped]);
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends us at once, and the guardian clears up. */
const interrupted = new Promise<void>((resolve) => {
  let asked = false;
  const ask = () => {
    if (asked) process.exit(130);
    asked = true;
    resolve();
  };
  process.on('SIGINT', ask);
  process.on('SIGTERM', ask);
});

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    await stop().catch((thrown: unknown) => console_.say(`while stopping: ${coerceError(thrown).message}`));
  }
}

async function main(): Promise<void> {
  let ok = true;
  try {
    if (options.once) ok = await once();
    else await Promise.race([watch(), interrupted]);
  } catch (thrown: unknown) {
    process.stderr.write(`${coerceError(thrown).message}\n`);
    ok = false;
  }
  await stopAll();
  process.exit(ok ? 0 : 1);
}

void main();
