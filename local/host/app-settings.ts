import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coerceError } from '../../src/errors';

type Environment = Record<string, string | undefined>;

/**
 * Puts `Values` of local.settings.json into the environment, by the rules of `func`: what is set there already wins,
 * unless it is empty; a file that is no JSON counts as none; a file that doesn't say `"IsEncrypted": false` is encrypted.
 */
export async function loadLocalSettings(
  appDir: string,
  environment: Environment,
  warn: (message: string) => void,
): Promise<void> {
  const text = await readFile(join(appDir, 'local.settings.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  let file: { IsEncrypted?: boolean; Values?: Record<string, unknown> };
  try {
    file = JSON.parse(text);
  } catch (thrown: unknown) {
    warn(`local.settings.json is not read, since it is no valid JSON: ${coerceError(thrown).message}`);
    return;
  }
  const values = Object.entries(file.Values ?? {});
  if (values.length > 0 && file.IsEncrypted !== false) {
    throw new Error(
      'Expected "IsEncrypted": false in local.settings.json; without it the file counts as encrypted, which this host cannot read. Run `func settings decrypt`, or add the line if the values are plain text',
    );
  }
  for (const [name, value] of values) {
    if (environment[name] || value === null) continue;
    environment[name] = typeof value === 'boolean' ? booleanText(value) : String(value);
  }
}

/** .NET writes booleans with a capital, and so does `func` when a setting is one. */
const booleanText = (value: boolean) => (value ? 'True' : 'False');

/** The setting of that name, in whatever case; empty if it is set to nothing. */
export function findSetting(name: string, environment: Environment): string | undefined {
  const exact = environment[name];
  if (exact !== undefined) return exact;
  const wanted = name.toLowerCase();
  return Object.entries(environment).find(([known]) => known.toLowerCase() === wanted)?.[1];
}

/** Replaces every `%NAME%` by the setting of that name, which must be there; it may be empty. */
export function resolveSettings(text: string, environment: Environment): string {
  const resolved = text.replace(/%([^%]*)%/g, (whole, name: string) => {
    const value = findSetting(name, environment);
    if (value === undefined) throw new Error(`'${whole}' does not resolve to a value: set the app setting ${name}`);
    return value;
  });
  // What is left of an odd number of them.
  if ((text.match(/%/g)?.length ?? 0) % 2 === 1) {
    throw new Error(`The '%' at position ${text.lastIndexOf('%')} of '${text}' does not have a closing '%'`);
  }
  return resolved;
}
