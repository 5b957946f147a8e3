import { type Client, coerceError } from '../../src/index';
import { within } from './within';

export type ServiceName = 'Redis' | 'storage' | 'database';

const WAIT_MS = 4_000;

/** One line for each of these services that can't be used; none if all is well. `named`: the setting that names it. */
export async function unreachable(
  client: Client,
  named: ReadonlyMap<ServiceName, string | undefined>,
): Promise<readonly string[]> {
  const lines = [...named].map(async ([service, setting]) => {
    const reason = await faultOf(client, service, WAIT_MS);
    if (reason === undefined) return [];
    const advice = setting
      ? `. Start it, correct ${setting}, or leave ${setting} unset and npm start brings its own`
      : '';
    return [`${service} can't be reached: ${reason.replace(/\.$/, '')}${advice}`];
  });
  return (await Promise.all(lines)).flat();
}

/** What keeps a service from answering, in one line; undefined if it answers. The SDKs would try for a minute or more. */
async function faultOf(client: Client, service: ServiceName, ms: number): Promise<string | undefined> {
  try {
    const answered = await within(
      ms,
      looks[service](client, ms).then(() => true),
    );
    return answered ? undefined : `no answer within ${ms / 1000} s`;
  } catch (thrown: unknown) {
    const error = coerceError(thrown);
    return (error.message || error.name).split('\n')[0] ?? '';
  }
}

const looks: Readonly<Record<ServiceName, (client: Client, ms: number) => Promise<unknown>>> = {
  // Half of the time is for the connection, so that its own message, which says more, comes first.
  Redis: async ({ redis }, ms) => {
    await redis.ready(ms / 2);
    await redis.client('cache').ping();
  },
  storage: async ({ storage, settings }) => (await storage.queue(settings.WRITE_BEHIND_QUEUE, 'once')).getProperties(),
  database: ({ pool }) => pool.query('select 1'),
};
