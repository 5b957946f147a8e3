import { type Client, coerceError } from '../../src/index';

const WAIT_MS = 5_000;

/** One line for each of Redis, storage and database that can't be reached; none where all is well. */
export async function unreachable(client: Client): Promise<readonly string[]> {
  const { redis, storage, pool, settings } = client;
  const looks: readonly (readonly [string, Promise<unknown>])[] = [
    ['Redis', redis.ready(WAIT_MS)],
    ['storage', storage.queue(settings.WRITE_BEHIND_QUEUE)],
    ['database', pool.query('select 1')],
  ];
  const lines = looks.map(async ([what, look]) => {
    try {
      await inTime(look);
      return [];
    } catch (thrown: unknown) {
      return [`${what} can't be reached: ${reason(thrown)}`];
    }
  });
  return (await Promise.all(lines)).flat();
}

/** The SDKs go on trying for a minute or more. */
function inTime(look: Promise<unknown>): Promise<unknown> {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${WAIT_MS / 1000} s`)), WAIT_MS).unref();
  });
  return Promise.race([look, late]);
}

function reason(thrown: unknown): string {
  const error = coerceError(thrown);
  return (error.message || error.name).split('\n')[0] ?? '';
}
