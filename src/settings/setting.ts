/** Turns the string of the environment, or its absence, into a typed value. */
export interface SettingSchema<T> {
  /** What an absent setting is. */
  readonly fallback: T;
  safeParse(given: string | undefined): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** One setting: everything the code, the docs and the sample file need to know of it, said once. */
export interface Setting<T = unknown> {
  readonly schema: SettingSchema<T>;
  /** One or two sentences: what it is for. */
  readonly meaning: string;
  /** Of the value, where it has one: `ms`, `s`, `bytes`, `NCRONTAB`, ... */
  readonly unit?: string;
  /** What is expected, in words, for the message when it is not: `a whole number from 1 to 32`. */
  readonly expected: string;
  /** What goes wrong with a careless value. */
  readonly danger?: string;
  /** Masked in every message. */
  readonly secret?: true;
  /** The value in `local.settings.sample.json`; left out there when absent. */
  readonly sample?: string;
}

export type SettingsSection = { readonly title: string; readonly settings: Readonly<Record<string, Setting>> };

/** Keeps the literal types of a section's settings. */
export function section<T extends Record<string, Setting>>(title: string, settings: T): { title: string; settings: T } {
  return { title, settings };
}
