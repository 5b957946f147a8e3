import { type App, createApp } from '../app';
import type { EntitiesSource } from '../client';
import { coerceError, StewardError } from '../errors';
import type { Logger } from '../logger';
import { type HealthPages, healthPages } from '../pages';
import { redisSettingsFaults } from '../redis';
import { inspectSettings, maskSecrets, type Settings, SettingsError } from '../settings';
import { namesStorage, StorageSettingsError } from '../storage/clients';

/** The settings are right, and the app can't be made all the same: an entity is declared twice, a file is missing. */
export class AppStartError extends StewardError {
  readonly code = 'E_APP_START';
  readonly faults: readonly string[];
  constructor(faults: readonly string[], cause: Error) {
    super(`The app can't start: ${faults.join('; ')}`, { cause });
    this.faults = faults;
  }
}

/** Why the app does no work. Each fault is one sentence without secrets. */
export type StartFault = SettingsError | AppStartError;

export interface StartedApp {
  /** A wrong setting has its default here. */
  readonly settings: Settings;
  /** The app, or why there is none. */
  readonly result: { readonly app: App } | { readonly fault: StartFault };
}

/**
 * Reads the settings and makes the app; nothing connects. Never throws: if the entry point throws, the host runs on
 * without a function, and nobody learns why.
 */
export function startApp(entities: EntitiesSource, logger: Logger): StartedApp {
  const { settings, faults } = inspectSettings();
  const made = make(settings, entities, logger);
  if (faults.length === 0 && 'app' in made) return { settings, result: made };
  if ('app' in made) void made.app.close();
  const fault = 'app' in made ? new SettingsError(faults) : faultOf(settings, faults, made.error);
  logger.error(
    { code: fault.code, faults: fault.faults.join('; ') },
    'The app does no work until this is mended. Messages wait in their queues.',
  );
  return { settings, result: { fault } };
}

/** Also with wrong settings, which have their defaults here: what else is wrong is said in the same breath. */
function make(settings: Settings, entities: EntitiesSource, logger: Logger): { app: App } | { error: Error } {
  try {
    return { app: createApp({ settings, entities, logger }) };
  } catch (thrown) {
    return { error: coerceError(thrown) };
  }
}

/** Making the app ends at its first error: storage and Redis are looked at one by one, so that both are named. */
function faultOf(settings: Settings, faults: readonly string[], error: Error): StartFault {
  const errors = [
    ...(namesStorage(settings) ? [] : [new StorageSettingsError()]),
    ...redisSettingsFaults(settings),
    error,
  ];
  const messages = new Set(errors.map(({ message }) => maskSecrets(message).trim()));
  if (faults.length === 0) return new AppStartError([...messages], error);
  // What a setting's reader said already is not said twice.
  const isKnown = (message: string) => faults.some((fault) => message.includes(fault.slice(0, fault.indexOf(':'))));
  return new SettingsError([...faults, ...[...messages].filter((message) => !isKnown(message))]);
}

/** What `health` says of an app that can't start. */
export const sickHealth = ({ faults }: StartFault): HealthPages =>
  healthPages(async () => ({ status: 'down', faults }));
