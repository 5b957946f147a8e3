import { StewardError } from '../errors';
import { alertingSettings } from './sections/alerting-settings';
import { cacheSettings, refreshAheadSettings } from './sections/cache-settings';
import { hygieneSettings } from './sections/hygiene-settings';
import { monitoringSettings } from './sections/monitoring-settings';
import { redisSettings } from './sections/redis-settings';
import { scheduleSettings } from './sections/schedule-settings';
import { sessionsSettings } from './sections/sessions-settings';
import { databaseSettings, storageSettings } from './sections/storage-settings';
import { writeBehindSettings } from './sections/write-behind-settings';
import type { Setting, SettingsSection } from './setting';
import { maskedValue, shownValue } from './shown-value';

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

type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never };

type Intersection<U> = (U extends unknown ? (part: U) => void : never) extends (part: infer I) => void ? I : never;
export type Settings = Values<Intersection<(typeof sections)[number]['settings']>>;

/** Thrown once, with every fault in its message, so that a wrong deployment is mended in one go. */
export class SettingsError extends StewardError {
  readonly code = 'E_SETTINGS';
  constructor(readonly faults: readonly string[]) {
    super(
      `${faults.length === 1 ? 'One setting is' : `${faults.length} settings are`} wrong:\n  ${faults.join('\n  ')}`,
    );
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of the environment, including wrong ones. */
export interface SettingsReading {
  /** A wrong setting has its default here. */
  readonly settings: Settings;
  /** One sentence for each fault: the setting, the expected value, the given value. Secrets are masked. */
  readonly faults: readonly string[];
}

/** Reads every setting from `environment`; the only place in the product that looks at `process.env`. */
export function inspectSettings(environment: Environment = process.env): SettingsReading {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const { settings } of sections) {
    for (const [name, setting] of Object.entries(settings as Record<string, Setting>)) {
      const given = environment[name];
      const parsed = setting.schema.safeParse(given);
      values[name] = parsed.success ? parsed.data : setting.schema.fallback;
      if (parsed.success) continue;
      faults.push(`${name}: expected ${parsed.expected ?? setting.schema.expected}, got ${shown(setting, given)}`);
    }
  }
  const settings = values as Settings;
  return { settings, faults: [...faults, ...crossFaults(settings)] };
}

/** The same, for those who can't go on with a wrong setting. Throws `E_SETTINGS`. */
export function readSettings(environment?: Environment): Settings {
  const { settings, faults } = inspectSettings(environment);
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

function shown(setting: Setting, given: string | undefined): string {
  if (given === undefined) return 'nothing';
  return setting.secret ? maskedValue(given) : shownValue(given);
}

/** Faults in combinations of settings, which no single setting can see. */
function crossFaults(settings: Settings): string[] {
  const faults: string[] = [];
  const queues = [
    'WRITE_BEHIND_QUEUE',
    'REFRESH_AHEAD_QUEUE',
    'SWEEP_QUEUE',
    'ALERT_QUEUE',
    'ALERT_RECEIVER_QUEUE',
  ] as const;
  queues.forEach((name, index) => {
    const twin = queues.slice(0, index).find((other) => settings[other] === settings[name]);
    if (twin)
      faults.push(`${name}: expected a queue of its own, got that of ${twin}, ${shownValue(`${settings[name]}`)}`);
  });
  return faults;
}

/** `text` without the values of secret settings, for what others throw: they know nothing of our secrets. */
export function maskSecrets(text: string, environment: Environment = process.env): string {
  const secrets = sections.flatMap(({ settings }) =>
    Object.entries(settings as Record<string, Setting>).flatMap(([name, { secret }]) => {
      const value = secret && environment[name];
      return value ? [value, ...secretParts(value)] : [];
    }),
  );
  return secrets.reduce<string>((masked, secret) => (secret ? masked.replaceAll(secret, '(masked)') : masked), text);
}

/** The password of a URL, as it stands there and decoded, and the key of a connection string. */
function secretParts(value: string): readonly string[] {
  const key = /AccountKey=([^;]+)/i.exec(value)?.[1] ?? '';
  if (!URL.canParse(value)) return [key];
  const { password } = new URL(value);
  try {
    return [key, password, decodeURIComponent(password)];
  } catch {
    return [key, password];
  }
}
