import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { systemClock } from '../../src/clock';
import { coerceError } from '../../src/errors';
import { loadLocalSettings, resolveConnection, resolveSettings } from './app-settings';
import { installCoreModule, type RegisteredFunction, Registry } from './core-module';
import { readHostJson } from './host-json';
import { type HttpFunction, HttpListener } from './http-listener';
import { type InvocationInput, Invoker, type LogLine } from './invoke';
import { loadApp } from './load-app';
import { parseSchedule } from './ncrontab';
import { writeOutputs } from './outputs';
import { queueInput } from './queue-data';
import { QueueListener } from './queue-listener';
import type { Binding, TypedData } from './rpc';
import { TimerListener } from './timer-listener';
import { blobTimerStatus } from './timer-status';

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
  readonly onLog: (line: LogLine) => void;
  readonly onInvocation: (end: InvocationEnd) => void;
}

export interface LocalHost {
  readonly address: string;
  readonly functions: readonly { readonly name: string; readonly trigger: string }[];
  /** Takes no more work, lets what is under way end, then runs the appTerminate hooks. */
  stop(): Promise<void>;
}

const HOST_VERSION = '4.1000.0';
const HOST_ID = 'local';

/** One trigger listening: what the host stops at its end, and what the admin endpoint fires. */
interface Listener {
  readonly stop: () => Promise<void>;
  readonly fire?: (input: string) => void;
}

/** Loads the app and listens for its triggers. Rejects when the app's entry point throws: that blocks the app. */
export async function startLocalHost(options: LocalHostOptions): Promise<LocalHost> {
  const { appDir, onLog } = options;
  await loadLocalSettings(appDir, process.env);
  const host = await readHostJson(appDir);
  const registry = new Registry();
  const invoker = new Invoker({ registry, log: onLog, appDir });
  const warn = (message: string) => invoker.systemLog('warning', message);
  installCoreModule(registry, (level, category, message) => onLog({ level, category, message }), HOST_VERSION);
  await loadApp(appDir);
  await invoker.appStart();
  await registry.model?.getCapabilities?.({ RpcHttpBodyOnly: 'true', RawHttpBodyBytes: 'true' });
  registry.lock();

  const underWay = new Set<Promise<unknown>>();
  const run = (target: RegisteredFunction, input: InvocationInput) => {
    const work = runOnce(target, input).finally(() => underWay.delete(work));
    underWay.add(work);
    return work;
  };
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
      await writeOutputs(target, response, host.queues.messageEncoding);
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

  const listeners = new Map<string, Listener>();
  const http: HttpFunction[] = [];
  const listed: { name: string; trigger: string }[] = [];
  for (const target of registry.functions.values()) {
    const { name } = target.metadata;
    const [bindingName, binding] = triggerOf(target);
    listed.push({ name, trigger: binding.type });
    if (target.metadata.retryOptions) throw new Error(`${name}: this host knows no retry policies`);
    const input = (data: TypedData): InvocationInput => ({ inputData: [{ name: bindingName, data }] });
    if (binding.type === 'httpTrigger') {
      http.push({
        name,
        methods: (binding.methods as string[] | undefined)?.map((method) => method.toUpperCase()) ?? ['GET', 'POST'],
        route: (binding.route as string | undefined) ?? name,
        run: (data) => run(target, input(data)),
      });
    } else if (binding.type === 'timerTrigger') {
      listeners.set(
        name,
        listenToTimer(name, binding, (data) => run(target, input(data)), warn),
      );
    } else if (binding.type === 'queueTrigger') {
      const service = QueueServiceClient.fromConnectionString(
        resolveConnection(binding.connection as string, process.env),
      );
      const queueName = resolveSettings(String(binding.queueName), process.env);
      const listener = new QueueListener({
        ...host.queues,
        service,
        queueName,
        leaseMs: options.leaseMs,
        run: async (message) => void (await run(target, queueInput(name, bindingName, message))),
        warn,
      });
      listener.start();
      listeners.set(name, {
        stop: () => listener.stop(),
        fire: (body) => {
          const byHand = { body, dequeueCount: 1, messageId: '', popReceipt: '' };
          run(target, queueInput(name, bindingName, byHand)).catch(() => {});
        },
      });
    } else {
      throw new Error(`${name}: this host knows no trigger "${binding.type}"`);
    }
  }

  const server = new HttpListener({
    port: options.port,
    routePrefix: host.routePrefix,
    functions: http,
    listed,
    fire: (name, text) => {
      const fire = listeners.get(name)?.fire;
      fire?.(text);
      return fire !== undefined;
    },
    warn,
  });
  const address = await server.start();
  return {
    address,
    functions: listed,
    stop: async () => {
      await Promise.all([server.stop(), ...[...listeners.values()].map((listener) => listener.stop())]);
      await Promise.allSettled(underWay);
      await invoker.appTerminate();
    },
  };
}

function triggerOf({ metadata }: RegisteredFunction): readonly [string, Binding] {
  const trigger = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type));
  if (!trigger) throw new Error(`${metadata.name}: expected a trigger among its bindings, found none`);
  return trigger;
}

function listenToTimer(
  name: string,
  binding: Binding,
  run: (data: TypedData) => Promise<unknown>,
  warn: (message: string) => void,
): Listener {
  const container = BlobServiceClient.fromConnectionString(resolveConnection(undefined, process.env));
  const runWith = async (info: unknown) => void (await run({ json: JSON.stringify(info) }));
  const listener = new TimerListener({
    name,
    schedule: parseSchedule(resolveSettings(String(binding.schedule), process.env)),
    useMonitor: binding.useMonitor !== false,
    runOnStartup: binding.runOnStartup === true,
    store: blobTimerStatus(container.getContainerClient('azure-webjobs-hosts'), HOST_ID),
    clock: systemClock,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    run: runWith,
    warn,
  });
  listener.start();
  return { stop: () => listener.stop(), fire: () => void runWith(listener.info()).catch(() => {}) };
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
