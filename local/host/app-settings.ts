import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

type Environment = Record<string, string | undefined>;

/** Puts `Values` of local.settings.json into the environment; what is already set there wins. */
export async function loadLocalSettings(appDir: string, environment: Environment): Promise<void> {
  const text = await readFile(join(appDir, 'local.settings.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const { Values: values = {} } = JSON.parse(text) as { Values?: Record<string, unknown> };
  for (const [name, value] of Object.entries(values)) environment[name] ??= String(value);
}

/** Replaces every `%NAME%` by the setting of that name, which must be there. */
export function resolveSettings(text: string, environment: Environment): string {
  return text.replace(/%([^%]+)%/g, (whole, name: string) => {
    const value = environment[name];
    if (value === undefined || value === '') throw new Error(`Expected the setting ${name} for ${whole}, found none`);
    return value;
  });
}

/** The connection string that a binding's `connection` names: `AzureWebJobsX` goes before `X`. */
export function resolveConnection(name: string | undefined, environment: Environment): string {
  const wanted = name ? resolveSettings(name, environment) : 'AzureWebJobsStorage';
  const value = environment[`AzureWebJobs${wanted}`] || environment[wanted];
  if (value) return value;
  throw new Error(
    `Expected the setting ${wanted} to hold a storage connection string, found none (this host knows no identity-based connections)`,
  );
}
