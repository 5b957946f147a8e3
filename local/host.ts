import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { coerceError } from '../src/errors';
import { startLocalHost } from './host/host';
import { takeKeys } from './host/keys';

/**
 * The local functions host as a process: `node dist/local/host.js --app-dir . --port 0`. It prints one JSON line an
 * event on standard output: `{"listening": "http://127.0.0.1:PORT", "functions": [...]}` once it listens, `invocation`
 * and `log` events. SIGINT or SIGTERM drains it; a second one ends it at once. Exit code 0 means that all work had
 * ended and every appTerminate hook had run.
 */
const { values } = parseArgs({
  options: {
    'app-dir': { type: 'string', default: '.' },
    port: { type: 'string', default: '7071' },
    'lease-seconds': { type: 'string', default: '600' },
    'drain-seconds': { type: 'string', default: '10' },
    'enable-auth': { type: 'boolean', default: false },
  },
});

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

process.on('uncaughtException', (error) => {
  say({ event: 'log', level: 'critical', category: 'system', message: error.stack ?? error.message });
  process.exit(1);
});

async function main(): Promise<void> {
  const host = await startLocalHost({
    appDir: resolve(values['app-dir']),
    port: Number(values.port),
    leaseMs: Number(values['lease-seconds']) * 1000,
    drainMs: Number(values['drain-seconds']) * 1000,
    keys: values['enable-auth'] ? takeKeys(process.env) : undefined,
    onLog: (line) => say({ event: 'log', ...line }),
    onInvocation: (end) => say({ event: 'invocation', ...end }),
  });
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void host.stop().then((clean) => process.exit(clean ? 0 : 1));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  say({ listening: host.address, functions: host.functions });
}

main().catch((thrown: unknown) => {
  process.stderr.write(`${coerceError(thrown).message}\n`);
  process.exit(1);
});
