import type { z } from 'zod';
import { StewardError } from '../errors';
import { alertingSettings } from './alerting-settings';
import { cacheSettings } from './cache-settings';
import { databaseSettings } from './database-settings';
import { hygieneSettings } from './hygiene-settings';
import { monitoringSettings } from './monitoring-settings';
import { redisSettings } from './redis-settings';
import { refreshAheadSettings } from './refresh-ahead-settings';
import { scheduleSettings } from './schedule-settings';
import { sessionsSettings } from './sessions-settings';
import type { Setting, SettingsSection } from './setting';
import { storageSettings } from './storage-settings';
import { writeBehindSettings } from './write-behind-settings';

/** Every setting there is, in the order of docs/settings.md. The names are the environment's own. */
export const sections = [
  redisSettings,
  storageSettings,
  databaseSettings,
  scheduleSettings,
  cacheSettings,
  sessionsSettings,
  writeBehindSettings,
  refreshAheadSettings,
  hygieneSettings,
  monitoringSettings,
  alertingSettings,
] as const satisfies readonly SettingsSection[];

type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer S extends z.ZodType> ? z.output<S> : never };

export type Settings = Values<
  typeof redisSettings.settings &
    typeof storageSettings.settings &
    typeof databaseSettings.settings &
    typeof scheduleSettings.settings &
    typeof cacheSettings.settings &
    typeof sessionsSettings.settings &
    typeof writeBehindSettings.settings &
    typeof refreshAheadSettings.settings &
    typeof hygieneSettings.settings &
    typeof monitoringSettings.settings &
    typeof alertingSettings.settings
>;

/** Thrown once, with every fault in its message, so that a wrong deployment is mended in one go. */
export class SettingsError extends StewardError {
  readonly code = 'E_SETTINGS';
  constructor(readonly faults: readonly string[]) {
    super(
      `${faults.length === 1 ? 'One setting is' : `${faults.length} settings are`} wrong:\n  ${faults.join('\n  ')}`,
    );
  }
}

/** Reads every setting from `environment`; the only place in the product that looks at `process.env`. */
export function readSettings(environment: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const { settings } of sections) {
    for (const [name, setting] of Object.entries(settings as Record<string, Setting>)) {
      const given = environment[name];
      const parsed = setting.schema.safeParse(given);
      if (parsed.success) values[name] = parsed.data;
      else faults.push(`${name}: expected ${setting.expected}, got ${shown(setting, given)}`);
    }
  }
  faults.push(...crossFaults(values));
  if (faults.length > 0) throw new SettingsError(faults);
  return values as Settings;
}

function shown(setting: Setting, given: string | undefined): string {
  if (given === undefined) return 'nothing';
  return setting.secret ? `a value of ${given.length} characters (masked)` : JSON.stringify(given);
}

/** What no single setting can know: the combinations. */
function crossFaults(values: Record<string, unknown>): string[] {
  const faults: string[] = [];
  const url = values.REDIS_URL as string | undefined;
  if (url !== undefined && !/^rediss?:\/\//.test(url)) {
    faults.push('REDIS_URL: expected a redis:// or rediss:// URL, got another scheme (masked)');
  }
  const prefix = values.STORAGE_NAME_PREFIX as string | undefined;
  if (prefix !== undefined && !/^[a-z][a-z0-9]{2,19}$/.test(prefix)) {
    faults.push(
      `STORAGE_NAME_PREFIX: expected 3 to 20 lower-case letters and digits, beginning with a letter, got ${JSON.stringify(prefix)}`,
    );
  }
  return faults;
}
