import { randomInt } from 'node:crypto';
import type { Clock } from '../../clock';
import { companionKey, physicalKey } from '../../entities/key';
import { isNewer, NO_VERSION, type Version, versionAt } from '../../entities/version';
import { isRedisUnavailable } from '../../redis/errors';
import type { RedisHandle } from '../../redis/types';
import { takeVersionScript } from '../entry/cache-scripts';
import { VersionUnavailableError } from '../errors';

/** Beyond this doubt about the server's time a local version is refused, in microseconds. */
const CLOCK_BOUND_MICROS = 1_000_000;

/** Gives writes their versions, and remembers the last one, so that this process never goes back. */
export interface Versions {
  /** Three digits that break ties between writers. */
  readonly writer: string;
  /** The last version this process took or saw stored. */
  readonly last: Version;
  /** About now, for what is only compared: never given to a write. */
  now(): Version;
  /** DESIGN, write-behind step 1. Throws `E_VERSION_UNAVAILABLE` when Redis is away and its time is not known. */
  take(key: string): Promise<Version>;
  /** A version that a script has given out: later ones of this process come after it. */
  saw(version: Version): void;
}

export function createVersions(options: {
  readonly redis: RedisHandle;
  readonly clock: Clock;
  readonly writerId?: number;
}): Versions {
  const { redis } = options;
  const id = options.writerId ?? randomInt(1_000);
  const writer = String(id).padStart(3, '0');
  let last: Version = NO_VERSION;

  const saw = (version: Version) => {
    if (isNewer(version, last)) last = version;
  };

  /** The server's time as last measured: good enough to order writes while Redis is away. */
  function localVersion(cause: unknown): Version {
    const time = redis.serverMicros();
    if (time === undefined || time.uncertaintyMicros > CLOCK_BOUND_MICROS) {
      throw new VersionUnavailableError(
        time === undefined
          ? 'Redis is away and its time was never learnt by this process, so the write cannot be ordered; try again'
          : `Redis is away and its time is known only within ${time.uncertaintyMicros} µs, so the write cannot be ordered; try again`,
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
        const keys = [physicalKey(key), companionKey(key, 'lease')];
        version = (await redis.run('cache', takeVersionScript, keys, [writer, last])) as Version;
      } catch (error) {
        if (!isRedisUnavailable(error)) throw error;
        version = localVersion(error);
      }
      // Two takes under way may be answered with the same floor: the later one of this process moves on.
      if (!isNewer(version, last)) version = versionAt(Number(last.slice(0, 16)) + 1, id);
      saw(version);
      return version;
    },
  };
}
