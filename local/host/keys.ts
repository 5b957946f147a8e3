import type { IncomingHttpHeaders } from 'node:http';

/** What a function or an admin endpoint requires of its caller. */
export type AuthLevel = 'anonymous' | 'function' | 'admin';

/** The keys of the app: one for its functions, and the master key that opens everything. */
export interface HostKeys {
  readonly master: string;
  readonly function: string;
}

const NAMES = { master: 'LOCAL_HOST_MASTER_KEY', function: 'LOCAL_HOST_FUNCTION_KEY' } as const;

/** Takes the keys out of the environment, where the app would see them. Throws if one is missing. */
export function takeKeys(environment: Record<string, string | undefined>): HostKeys {
  const take = (name: string): string => {
    const value = environment[name];
    delete environment[name];
    if (value) return value;
    throw new Error(`--enable-auth needs ${name} in the environment, found none`);
  };
  return { master: take(NAMES.master), function: take(NAMES.function) };
}

/** Whether a request brings a key for `level`: in the header `x-functions-key`, which goes first, or in `?code=`. */
export function isAllowed(level: AuthLevel, keys: HostKeys, headers: IncomingHttpHeaders, url: URL): boolean {
  if (level === 'anonymous') return true;
  const given = headers['x-functions-key'] ?? url.searchParams.get('code');
  return given === keys.master || (level === 'function' && given === keys.function);
}
