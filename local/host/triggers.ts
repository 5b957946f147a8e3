import { systemClock } from '../../src/clock';
import { parseSchedule } from '../../src/settings/ncrontab';
import { resolveSettings } from './app-settings';
import type { RegisteredFunction } from './core-module';
import type { HostOptions } from './host-json';
import type { HttpFunction } from './http-listener';
import type { InvocationInput } from './invoke';
import type { AuthLevel } from './keys';
import { queueInput } from './queue-data';
import { QueueListener, validQueueName } from './queue-listener';
import type { Binding, TypedData } from './rpc';
import { resolveConnection, type StorageAccounts } from './storage-account';
import type { StorageWatch } from './storage-watch';
import { TimerListener } from './timer-listener';
import { blobTimerStatus } from './timer-status';

export interface TriggerOptions {
  readonly host: HostOptions;
  readonly hostId: string;
  readonly leaseMs: number;
  readonly accounts: StorageAccounts;
  readonly watch: StorageWatch;
  /** Runs a function; a rejection is a failed try. */
  readonly run: (target: RegisteredFunction, input: InvocationInput) => Promise<TypedData | null | undefined>;
  readonly warn: (message: string) => void;
}

/** One function ready to be called: by its listener, by a route, or by hand. */
export interface Trigger {
  readonly http?: HttpFunction;
  readonly start?: () => void;
  readonly stop?: () => Promise<void>;
  /** Runs it by hand. */
  readonly fire?: (input: string) => void;
}

/** The app needs a feature that this host does not have. It is refused, not run differently. */
export class UnsupportedError extends Error {}

/** Name and data of a function's trigger among its bindings. */
export function triggerOf({ metadata }: RegisteredFunction): readonly [string, Binding] {
  const trigger = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type));
  if (!trigger) throw new UnsupportedError(`${metadata.name}: expected a trigger among its bindings, found none`);
  return trigger;
}

/** Reads a function's trigger. Throws what is wrong with it or its settings: the host then disables that function. */
export function createTrigger(target: RegisteredFunction, options: TriggerOptions): Trigger {
  const { name, retryOptions } = target.metadata;
  const [, { type }] = triggerOf(target);
  if (retryOptions) throw new UnsupportedError(`${name}: this host knows no retry policies`);
  if (type === 'httpTrigger') return httpTrigger(target, options);
  if (type === 'timerTrigger') return timerTrigger(target, options);
  if (type === 'queueTrigger') return queueTrigger(target, options);
  throw new UnsupportedError(`${name}: this host knows no trigger "${type}"`);
}

function httpTrigger(target: RegisteredFunction, { run }: TriggerOptions): Trigger {
  const { name } = target.metadata;
  const [bindingName, binding] = triggerOf(target);
  return {
    http: {
      name,
      methods: (binding.methods as string[] | undefined)?.map((method) => method.toUpperCase()) ?? ['GET', 'POST'],
      route: (binding.route as string | undefined) ?? name,
      authLevel: String(binding.authLevel ?? 'function').toLowerCase() as AuthLevel,
      run: (data) => run(target, { inputData: [{ name: bindingName, data }] }),
    },
  };
}

function timerTrigger(target: RegisteredFunction, options: TriggerOptions): Trigger {
  const { accounts, watch, hostId, warn } = options;
  const { name } = target.metadata;
  const [bindingName, binding] = triggerOf(target);
  const runWith = async (info: unknown) => {
    const data = { json: JSON.stringify(info) };
    await options.run(target, { inputData: [{ name: bindingName, data }] });
  };
  const listener = new TimerListener({
    name,
    schedule: parseSchedule(resolveSettings(String(binding.schedule), process.env)),
    useMonitor: binding.useMonitor !== false,
    runOnStartup: binding.runOnStartup === true,
    store: blobTimerStatus(
      async () => (await accounts.blobs()).getContainerClient('azure-webjobs-hosts'),
      hostId,
      watch,
    ),
    clock: systemClock,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    run: runWith,
    warn,
  });
  return {
    start: () => listener.start(),
    stop: () => listener.stop(),
    fire: () => void listener.runByHand(),
  };
}

function queueTrigger(target: RegisteredFunction, options: TriggerOptions): Trigger {
  const { accounts, watch, host, leaseMs, warn } = options;
  const [bindingName, binding] = triggerOf(target);
  const connection = binding.connection as string | undefined;
  resolveConnection(connection, process.env);
  const listener = new QueueListener({
    ...host.queues,
    service: () => accounts.queues(connection),
    queueName: validQueueName(resolveSettings(String(binding.queueName), process.env)),
    leaseMs,
    run: async (message) => void (await options.run(target, queueInput(bindingName, message))),
    watch,
    warn,
  });
  return {
    start: () => listener.start(),
    stop: () => listener.stop(),
    fire: (body) => {
      // What a function is called with by hand is among its metadata, too, by the name of its binding.
      const { inputData, triggerMetadata } = queueInput(bindingName, { body, dequeueCount: 0 });
      const input = { inputData, triggerMetadata: { ...triggerMetadata, [bindingName]: { string: body } } };
      void options.run(target, input).catch(() => {});
    },
  };
}
