import Module from 'node:module';
import type { Callback, FunctionMetadata, LogCategory, LogLevel, ProgrammingModel } from './rpc';

export type LogSink = (level: LogLevel, category: LogCategory, message: string) => void;
export type HookCallback = (context: Record<string, unknown>) => unknown;

const HOOKS = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;
export type HookName = (typeof HOOKS)[number];

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: Callback;
}

/** An error that the library recognises as the runtime's, not the user's. */
class SystemRangeError extends RangeError {
  readonly isAzureFunctionsSystemError = true;
}
class SystemError extends Error {
  readonly isAzureFunctionsSystemError = true;
}

/** What the app registers while it loads: the state behind the module `@azure/functions-core`. */
export class Registry {
  readonly functions = new Map<string, RegisteredFunction>();
  model: ProgrammingModel | undefined;
  readonly #hooks = new Map<HookName, HookCallback[]>(HOOKS.map((name) => [name, []]));
  #locked = false;

  hooks(name: HookName): readonly HookCallback[] {
    return this.#hooks.get(name) ?? [];
  }

  /** From now on the functions are known to the host, and no more can be added. */
  lock(): void {
    this.#locked = true;
  }

  registerFunction(metadata: FunctionMetadata, callback: Callback): Disposable {
    if (this.#locked) throw new SystemError('A function can only be registered during app startup.');
    if (this.functions.has(metadata.name)) {
      throw new SystemError(`A function with name "${metadata.name}" is already registered.`);
    }
    this.functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => {
      if (this.#locked) throw new SystemError('A function can only be disposed during app startup.');
      this.functions.delete(metadata.name);
    });
  }

  registerHook(name: string, callback: HookCallback): Disposable {
    const hooks = this.#hooks.get(name as HookName);
    if (hooks === undefined) throw new SystemRangeError(`Unrecognized hook "${name}"`);
    hooks.push(callback);
    return new Disposable(() => {
      const at = hooks.indexOf(callback);
      if (at >= 0) hooks.splice(at, 1);
    });
  }
}

class Disposable {
  #dispose: (() => void) | undefined;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose?.();
    this.#dispose = undefined;
  }
}

/**
 * Gives `registry` to every module that requires `@azure/functions-core`, as Microsoft's worker does. Must run before the app is
 * loaded: the library asks once and remembers the answer.
 */
export function installCoreModule(registry: Registry, log: LogSink, hostVersion: string): void {
  const core = {
    version: '3.14.1',
    hostVersion,
    Disposable,
    registerFunction: registry.registerFunction.bind(registry),
    registerHook: registry.registerHook.bind(registry),
    setProgrammingModel: (model: ProgrammingModel) => {
      registry.model = model;
    },
    getProgrammingModel: () => registry.model,
    log,
  };
  Module.prototype.require = new Proxy(Module.prototype.require, {
    apply: (target, self, args: [string]) =>
      args[0] === '@azure/functions-core' ? core : Reflect.apply(target, self, args),
  });
}
