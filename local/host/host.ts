import { coerceError } from '../../src/errors';
import { loadLocalSettings } from './app-settings';
import { installCoreModule, type RegisteredFunction, Registry } from './core-module';
import { endsWithin, WorkUnderWay } from './drain';
import { readHostJson } from './host-json';
import { HttpListener, type ListedFunction } from './http-listener';
import { type InvocationInput, Invoker, type LogLine } from './invoke';
import type { HostKeys } from './keys';
import { loadApp } from './load-app';
import { writeOutputs } from './outputs';
import { StorageAccounts } from './storage-account';
import { StorageWatch } from './storage-watch';
import { createTrigger, type Trigger, triggerOf, UnsupportedError } from './triggers';

export interface InvocationEnd {
  readonly function: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: string;
}

export interface LocalHostOptions {
  readonly appDir: string;
  /** 0 chooses a free one. */
  readonly port: number;
  /** How long a queue message is hidden while it is worked on. The real host's is 10 minutes. */
  readonly leaseMs: number;
  /** How long a stop waits for what is under way. The real host's is 10 seconds. */
  readonly drainMs: number;
  /** Without keys everybody may call everything, as under `func start`. */
  readonly keys?: HostKeys | undefined;
  readonly onLog: (line: LogLine) => void;
  readonly onInvocation: (end: InvocationEnd) => void;
}

export interface LocalHost {
  readonly address: string;
  /** Those that listen. */
  readonly functions: readonly { readonly name: string; readonly trigger: string }[];
  /**
   * Takes no more work, waits for what is under way, then runs the appTerminate hooks, whether it has ended or not.
   * False if work or hooks took too long, or a hook failed: the process should end now all the same.
   */
  stop(): Promise<boolean>;
}

const HOST_VERSION = '4.1000.0';
const HOST_ID = 'local';
const TERMINATE_MS = 5_000;

/** Loads the app and listens for its triggers. What is wrong with the app is said, and the host runs on without it. */
export async function startLocalHost(options: LocalHostOptions): Promise<LocalHost> {
  const { appDir, onLog } = options;
  const registry = new Registry();
  const invoker = new Invoker({ registry, log: onLog, appDir });
  const warn = (message: string) => invoker.systemLog('warning', message);
  await loadLocalSettings(appDir, process.env, warn);
  const host = await readHostJson(appDir);
  installCoreModule(registry, (level, category, message) => onLog({ level, category, message }), HOST_VERSION);
  const targets = await loadFunctions(appDir, registry, invoker);

  const accounts = new StorageAccounts(process.env, (message) => invoker.systemLog('error', message));
  const underWay = new WorkUnderWay();
  const runOnce = async (target: RegisteredFunction, input: InvocationInput) => {
    const began = performance.now();
    const late = watchTimeout(target.metadata.name, host.functionTimeoutMs, warn);
    const ended = (error?: Error) =>
      options.onInvocation({
        function: target.metadata.name,
        ok: error === undefined,
        ms: Math.round(performance.now() - began),
        ...(error ? { error: error.message } : {}),
      });
    try {
      const response = await invoker.invoke(target, input);
      await writeOutputs(target, response, accounts, host.queues.messageEncoding);
      ended();
      return response.returnValue;
    } catch (thrown: unknown) {
      const error = coerceError(thrown);
      ended(error);
      throw error;
    } finally {
      clearTimeout(late);
    }
  };

  const triggers = new Map<string, Trigger>();
  const listed: ListedFunction[] = [];
  const triggerOptions = {
    host,
    hostId: HOST_ID,
    leaseMs: options.leaseMs,
    accounts,
    watch: new StorageWatch((level, message) => invoker.systemLog(level, message)),
    run: (target: RegisteredFunction, input: InvocationInput) =>
      underWay.add(target.metadata.name, runOnce(target, input)),
    warn,
  };
  for (const target of targets) {
    const { name } = target.metadata;
    const trigger = triggerOf(target)[1].type;
    try {
      triggers.set(name, createTrigger(target, triggerOptions));
      listed.push({ name, trigger });
    } catch (thrown: unknown) {
      if (thrown instanceof UnsupportedError) throw thrown;
      const error = coerceError(thrown).message;
      listed.push({ name, trigger, error });
      invoker.systemLog('error', `Function '${name}' failed indexing and will be disabled: ${error}`);
    }
  }

  const server = new HttpListener({
    port: options.port,
    routePrefix: host.routePrefix,
    functions: [...triggers.values()].flatMap(({ http }) => http ?? []),
    keys: options.keys,
    listed,
    status: () => ({
      id: HOST_ID,
      state: 'Running',
      version: HOST_VERSION,
      processUptime: Math.round(process.uptime() * 1000),
    }),
    fire: (name, text) => {
      const fire = triggers.get(name)?.fire;
      fire?.(text);
      return fire !== undefined;
    },
    warn,
  });
  const address = await server.start();
  for (const { start } of triggers.values()) start?.();
  return {
    address,
    functions: listed.flatMap(({ name, trigger, error }) => (error === undefined ? [{ name, trigger }] : [])),
    stop: async () => {
      const stopping = Promise.all([server.stop(), ...[...triggers.values()].map(({ stop }) => stop?.())]);
      const drained = await endsWithin(
        options.drainMs,
        stopping.then(() => underWay.ended()),
      );
      if (!drained) {
        const names = [...new Set(underWay.names)].join(', ') || 'a listener';
        warn(`Still under way after ${options.drainMs / 1000} s: ${names}. The process ends without waiting for it`);
      }
      let closed = false;
      const closing = invoker.appTerminate().then(
        () => {
          closed = true;
        },
        (thrown: unknown) => warn(`An appTerminate hook failed: ${coerceError(thrown).message}`),
      );
      if (!(await endsWithin(TERMINATE_MS, closing))) {
        warn(`The appTerminate hooks took longer than ${TERMINATE_MS / 1000} s and are cut`);
      }
      return drained && closed;
    },
  };
}

/** The functions of the app; none if an entry point throws, which the real host survives, too. */
async function loadFunctions(
  appDir: string,
  registry: Registry,
  invoker: Invoker,
): Promise<readonly RegisteredFunction[]> {
  let functions: readonly RegisteredFunction[] = [];
  try {
    await loadApp(appDir);
    functions = [...registry.functions.values()];
  } catch (thrown: unknown) {
    const error = coerceError(thrown);
    invoker.systemLog('error', `${error.message}. The host runs on without functions: every route answers 404`);
    invoker.systemLog('debug', error.stack ?? error.message);
  }
  await invoker.appStart();
  await registry.model?.getCapabilities?.({ RpcHttpBodyOnly: 'true', RawHttpBodyBytes: 'true' });
  registry.lock();
  return functions;
}

/** The real host ends the process then; this one only says so. */
function watchTimeout(
  name: string,
  ms: number | undefined,
  warn: (message: string) => void,
): NodeJS.Timeout | undefined {
  if (ms === undefined || !Number.isFinite(ms)) return undefined;
  return setTimeout(() => warn(`${name} has run for longer than functionTimeout, ${ms / 1000} s`), ms);
}
