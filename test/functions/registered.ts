import { spawnSync } from 'node:child_process';
import { appFolder, ensureBuilt } from '../built';

export type Binding = Record<string, unknown>;

export interface Registration {
  /** By function name. */
  readonly functions: Readonly<Record<string, { readonly bindings: Readonly<Record<string, Binding>> }>>;
  /** What the app printed while it was loaded. */
  readonly printed: string;
}

/** What an app needs to be well. Nothing connects while it is loaded. */
export const wellSet = { REDIS_URL: 'redis://127.0.0.1:1', AzureWebJobsStorage: 'UseDevelopmentStorage=true' };

/**
 * What the built app registers under these settings, and no others. The library caches whether it runs under a host at
 * its first call, so the app is loaded in a process of its own, with the module that Microsoft's worker puts in place.
 */
export function registered(env: Record<string, string>, load = `require('${appFolder}/main.js')`): Registration {
  ensureBuilt();
  const script = `
    const { Module } = require('node:module');
    const functions = {};
    const original = Module.prototype.require;
    Module.prototype.require = function (id, ...rest) {
      if (id !== '@azure/functions-core') return original.call(this, id, ...rest);
      return {
        version: '3', hostVersion: '4.1000.0',
        registerHook: () => ({ dispose() {} }),
        setProgrammingModel: () => {}, getProgrammingModel: () => {}, log: () => {},
        registerFunction: (metadata) => { functions[metadata.name] = metadata; return { dispose() {} }; },
        Disposable: class { dispose() {} },
      };
    };
    ${load};
    require('node:fs').writeSync(3, JSON.stringify(functions));
    process.exit(0);
  `;
  const { output, status } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [, stdout, stderr, functions] = output;
  const printed = `${stdout ?? ''}${stderr ?? ''}`;
  if (status !== 0) throw new Error(`The entry point threw, and the host would run without a function: ${printed}`);
  return { functions: JSON.parse(functions ?? ''), printed };
}

/** What starts a function. */
export const triggerOf = ({ functions }: Registration, name: string): Binding | undefined =>
  Object.values(functions[name]?.bindings ?? {}).find((binding) => binding.direction === 'in');

export const namesOf = ({ functions }: Registration, type: string): string[] =>
  Object.keys(functions)
    .filter((name) => Object.values(functions[name]?.bindings ?? {}).some((binding) => binding.type === type))
    .sort();
