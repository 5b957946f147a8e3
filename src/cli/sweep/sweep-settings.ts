import { StewardError } from '../../errors';
import type { SweepName } from '../../hygiene/records/sweep-record';
import { usersPrefix } from '../../hygiene/sessions/session-rules';
import { type Glob, parseGlob } from '../../redis';
import { readSettings, type Settings } from '../../settings';

/** The command was called with a wrong argument; nothing was done. */
export class SweepCallError extends StewardError {
  readonly code = 'E_SWEEP_CALL';
}

export interface SweepFlags {
  readonly url?: string;
  readonly match?: string;
  readonly dryRun?: boolean;
  readonly duty?: string;
  readonly json?: boolean;
}

/** The settings of the environment with the flags over them. Throws `E_SWEEP_CALL` and `E_SETTINGS`. */
export function sweepSettings(
  sweep: SweepName,
  flags: SweepFlags,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly settings: Settings; readonly only: Glob | undefined } {
  const glob = flags.match === undefined ? undefined : parseGlob(flags.match);
  const settings = readSettings({
    ...environment,
    ...(flags.url === undefined ? {} : target(flags.url)),
    ...(flags.duty === undefined ? {} : { SWEEP_DUTY: String(shareOf(flags.duty)) }),
  });
  if (sweep !== 'sessions' || !glob) return { settings, only: glob };
  if (glob.lua.every((piece) => /^\^?\.*\$?$/.test(piece))) {
    throw new SweepCallError('Expected --match to select the sessions, got a pattern that every key matches');
  }
  const { beginning } = glob;
  // A beginning that the keys of users share is not used as a prefix: `sess:u` would treat `sess:user:{...` as sessions.
  const prefix = settings.SWEEP_SESSION_PREFIX;
  const isPrefix = beginning === prefix || (beginning && !usersPrefix(prefix).startsWith(beginning));
  return isPrefix
    ? { settings: { ...settings, SWEEP_SESSION_PREFIX: beginning }, only: undefined }
    : { settings, only: glob };
}

/** The URL names one database, and replaces everything that the environment says about Redis. */
function target(text: string): Record<string, string | undefined> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    const message = 'Expected --url to be redis://[user:password@]host:port[/database], got something else (masked)';
    throw new SweepCallError(message);
  }
  const database = url.pathname.replace(/^\//, '') || '0';
  if (!/^\d+$/.test(database)) {
    throw new SweepCallError('Expected the path of --url to be the number of a database, got something else (masked)');
  }
  url.pathname = '';
  return {
    REDIS_URL: url.href,
    REDIS_NODES: undefined,
    REDIS_SENTINELS: undefined,
    REDIS_MODE: 'auto',
    REDIS_SESSIONS_DB: database,
    REDIS_CACHE_DB: database,
    REDIS_WORK_DB: database,
  };
}

/** `25%` or `0.25`. */
function shareOf(text: string): number {
  const share = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (!(share >= 0.001 && share <= 1)) {
    throw new SweepCallError(`Expected --duty from 0.1% to 100%, or 0.001 to 1, got ${JSON.stringify(text)}`);
  }
  return share;
}
