import { createInterface } from 'node:readline';
import { installCoreModule, Registry } from '../../local/host/core-module';
import { Invoker } from '../../local/host/invoke';
import { loadApp } from '../../local/host/load-app';
import type { TypedData } from '../../local/host/rpc';
import { coerceError } from '../../src/errors';

/**
 * The Node half of the WebJobs host: loads the app of the folder it is given, says what is registered, and runs what it
 * is asked to. It loads and invokes by the code of the local host, so that the two hosts differ in their triggers only.
 */
interface Request {
  readonly id: string;
  readonly function: string;
  readonly trigger: TypedData;
  readonly metadata: Readonly<Record<string, TypedData>>;
}

const [appDir = '.'] = process.argv.slice(2);
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
const registry = new Registry();
const invoker = new Invoker({ registry, appDir, log: (line) => say({ event: 'log', ...line }) });

async function run({ id, function: name, trigger, metadata }: Request): Promise<void> {
  const target = registry.functions.get(name);
  const [bindingName = ''] = Object.keys(target?.metadata.bindings ?? {});
  try {
    if (!target) throw new Error(`The app has no function ${name}`);
    await invoker.invoke(target, { inputData: [{ name: bindingName, data: trigger }], triggerMetadata: metadata });
    say({ ended: id });
  } catch (thrown: unknown) {
    say({ ended: id, error: coerceError(thrown).message });
  }
}

async function main(): Promise<void> {
  installCoreModule(
    registry,
    (level, category, message) => say({ event: 'log', level, category, message }),
    '4.1000.0',
  );
  await loadApp(appDir);
  await invoker.appStart();
  registry.lock();
  say({ registered: [...registry.functions.values()].map(({ metadata }) => metadata) });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request | { readonly terminate: true };
    if ('terminate' in request) break;
    void run(request);
  }
  await invoker.appTerminate();
  process.exit(0);
}

void main();
