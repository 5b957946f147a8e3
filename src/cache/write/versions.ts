import { randomInt } from 'node:crypto';
import type { Clock } from '../../clock';
import { entryAndLease } from '../../entities/key';
import { isNewer, NO_VERSION, type Version, versionAt } from '../../entities/version';
import { isRedisUnavailable } from '../../redis/errors';
import type { RedisHandle } from '../../redis/types';
import { takeVersionScript } from '../entry/cache-scripts';
import { VersionUnavailableError } from '../errors';

/** How uncertain the server's time may be for a version made locally, in microseconds. */
const MAX_UNCERTAINTY_MICROS = 1_000_000;

/** Gives each write a version, and remembers the last one, so that versions of this process never go back. */
export interface Versions {
  /** Writer id of this process, three digits: orders writes of two processes in the same microsecond. */
  readonly writer: string;
  /** The last version that this process took or saw stored. */
  readonly last: Version;
  /** About now. Only for comparing: a write never gets it. */
  now(): Version;
  /** The version of a write of this key. Throws `E_VERSION_UNAVAILABLE` if Redis is unavailable and its time unknown. */
  take(key: string): Promise<Version>;
  /** Notes a version that a script has stored: later versions of this process are greater. */
  saw(version: Version): void;
}

export function createVersions(options: {
  readonly redis: RedisHandle;
  readonly clock: Clock;
  readonly writerId?: number | undefined;
}): Versions {
  const { redis } = options;
  const id = options.writerId ?? randomInt(1_000);
  const writer = String(id).padStart(3, '0');
  let last: Version = NO_VERSION;

  const saw = (version: Version) => {
    if (isNewer(version, last)) last = version;
  };

  /** By the last known offset of the server's time, which is accurate enough to order writes while Redis is unavailable. */
  function localVersion(cause: unknown): Version {
    const time = redis.serverMicros();
    if (time === undefined || time.uncertaintyMicros > MAX_UNCERTAINTY_MICROS) {
      const known = time === undefined ? 'not known' : `only known within ${time.uncertaintyMicros} µs`;
      throw new VersionUnavailableError(
        `Redis is unavailable and its time is ${known}, so the write cannot be ordered. Nothing was written; try again`,
        { cause },
      );
    }
    return versionAt(Math.max(Math.floor(time.micros), Number(last.slice(0, 16)) + 1), id);
  }

  return {
    writer,
    get last() {
      return last;
    },
    saw,
    now: () => versionAt(Math.floor(redis.serverMicros()?.micros ?? options.clock.now() * 1_000), 999),
    async take(key) {
      let version: Version;
      try {
        version = (await redis.run('cache', takeVersionScript, entryAndLease(key), [writer, last])) as Version;
      } catch (error) {
        if (!isRedisUnavailable(error)) throw error;
        version = localVersion(error);
      }
      // Two concurrent calls send the same `last`, so the second may get the same version as the first.
      if (!isNewer(version, last)) version = versionAt(Number(last.slice(0, 16)) + 1, id);
      saw(version);
      return version;
    },
  };
}
