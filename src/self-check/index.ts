import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Cache } from '../cache';
import type { Finding } from '../doctor';
import { limited } from '../doctor/checks/limited';
import { coerceError, errorCode } from '../errors';
import type { SessionCore } from '../sessions';

/** One thing that was tried. */
export interface SelfCheckResult extends Pick<Finding, 'state' | 'detail' | 'advice'> {
  /** `resolves`, `sessions`, `cache`, or the name of one of the doctor's checks. */
  readonly name: string;
  /** False if it is an error; a warning is not. */
  readonly ok: boolean;
}

/** What the function `selfCheck` answers and `cache-steward verify` reads. */
export interface SelfCheckReport {
  readonly ok: boolean;
  /** Host name of the cache. */
  readonly host: string;
  /** Addresses that the name resolves to, from where the app runs. Whether they are right, only Azure knows. */
  readonly addresses: readonly string[];
  readonly checks: readonly SelfCheckResult[];
}

export interface SelfCheckOptions {
  /** Host name of the cache, as the settings have it. */
  readonly host: string;
  readonly cache: Pick<Cache, 'set' | 'multiGet' | 'ttl' | 'delete' | 'has'>;
  readonly sessions: Pick<SessionCore, 'create' | 'load' | 'save' | 'destroy'>;
  /** The doctor's checks, on the app's own connections. Never rejects. */
  readonly examine: () => Promise<readonly Finding[]>;
  /** Addresses of a name. (Default: the system's resolver) */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface SelfCheck {
  /** Tries all of it with data of its own, and takes that away again. Never rejects: what fails is in the report. */
  run(): Promise<SelfCheckReport>;
}

/** The half of `verify` that only the app can do, since it is inside the network. */
export function createSelfCheck(options: SelfCheckOptions): SelfCheck {
  const { host, examine, resolve = systemResolve } = options;
  return {
    async run() {
      let addresses: readonly string[] = [];
      const [findings, ...own] = await Promise.all([
        examine(),
        attempt('resolves', async () => {
          addresses = await resolve(host);
          return `to ${addresses.join(', ')}`;
        }),
        attempt('sessions', () => trySessions(options.sessions)),
        attempt('cache', () => tryCache(options.cache)),
      ]);
      const checks = [...own, ...findings.map(toResult)];
      return { ok: checks.every(({ ok }) => ok), host, addresses, checks };
    },
  };
}

/** A session's whole life: made, read, changed, read, destroyed, gone. */
async function trySessions(sessions: SelfCheckOptions['sessions']): Promise<string> {
  const sid = randomBytes(24).toString('base64url');
  try {
    const made = await sessions.create(sid, { step: 1 });
    expect(made !== undefined, 'a new session is stored');
    const loaded = await sessions.load(sid);
    expect(loaded !== undefined && isDeepStrictEqual(loaded.data, { step: 1 }), 'a stored session is read as it was');
    expect((await sessions.save(loaded.handle, { step: 2 })) === 'saved', 'a change is saved');
    expect(isDeepStrictEqual((await sessions.load(sid))?.data, { step: 2 }), 'a saved change is read');
  } finally {
    await sessions.destroy(sid);
  }
  expect((await sessions.load(sid)) === undefined, 'a destroyed session is gone');
  return 'made, read, changed and destroyed one';
}

async function tryCache(cache: SelfCheckOptions['cache']): Promise<string> {
  const key = `steward:self-check:${randomBytes(12).toString('hex')}:data`;
  const value = { checked: true };
  try {
    await cache.set(key, value, { ttlSeconds: 60 });
    const [read] = await cache.multiGet([key]);
    expect(isDeepStrictEqual(read?.value, value), 'an entry is read as it was set');
    const left = await cache.ttl(key);
    expect(left !== undefined && left > 0 && left <= 60, 'an entry has the life it was given');
  } finally {
    await cache.delete(key);
  }
  expect(!(await cache.has(key)), 'a deleted entry is gone');
  return 'set, read and deleted an entry';
}

async function attempt(name: SelfCheckResult['name'], work: () => Promise<string>): Promise<SelfCheckResult> {
  try {
    return { name, state: 'ok', ok: true, detail: await limited(work()) };
  } catch (thrown) {
    const error = coerceError(thrown);
    return {
      name,
      state: 'error',
      ok: false,
      detail: error instanceof Unmet ? error.message : `${errorCode(error)}: ${error.message}`,
    };
  }
}

const toResult = ({ check, state, detail, advice }: Finding): SelfCheckResult => ({
  ...{ name: check, state, ok: state !== 'error', detail },
  ...(advice !== undefined && { advice }),
});

class Unmet extends Error {}

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Unmet(`expected that ${what}; it is not so`);
}

const systemResolve = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
