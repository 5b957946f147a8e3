import { type RunningRedis, startRedis } from '../../../local/servers';
import { type TcpProxy, tcpProxy } from '../tcp-proxy';
import type { FaultEvent } from './events';
import { asked, until } from './servers';

/** Two regions: a primary, and a secondary that follows it. */
export interface Regions {
  readonly primary: RunningRedis;
  readonly secondary: RunningRedis;
  /** What the geo name leads to. */
  readonly name: TcpProxy;
  stop(): Promise<void>;
}

export async function startRegions(): Promise<Regions> {
  const args = ['--repl-diskless-sync-delay', '0'];
  const [primary, secondary] = await Promise.all([startRedis({ args }), startRedis({ args })]);
  await asked(secondary, (client) => client.replicaof(primary.host, primary.port));
  const name = await tcpProxy(primary.port);
  return {
    ...{ primary, secondary, name },
    stop: async () => {
      await name.stop();
      await Promise.all([primary.stop(), secondary.stop()]);
    },
  };
}

/** The primary's region is gone, and the secondary is made the primary. What it hadn't got yet is lost. */
async function promoteSecondary({ primary, secondary }: Regions): Promise<void> {
  await primary.kill('SIGKILL');
  await asked(secondary, (client) => client.replicaof('NO', 'ONE'));
}

const before = ({ secondary }: Regions) =>
  until('the secondary is up to date', async () =>
    (await asked(secondary, (client) => client.info('replication'))).includes('master_link_status:up'),
  );

/** The geo name follows: nothing is changed in the app. */
export const byName: FaultEvent<Regions> = {
  name: 'the geo name leads to the secondary',
  detectionMs: 0,
  before,
  run: async (regions) => {
    await promoteSecondary(regions);
    regions.name.target(regions.secondary.port);
    regions.name.cut();
  },
};

/** The setting names the secondary, and the app is restarted, as App Service and Functions do by themselves. */
export const bySetting = (restart: (environment: Readonly<Record<string, string>>) => Promise<void>) =>
  ({
    name: 'REDIS_URL names the secondary, restart',
    detectionMs: 0,
    before,
    run: async (regions) => {
      await promoteSecondary(regions);
      await restart({ REDIS_URL: regions.secondary.appUrl });
    },
  }) satisfies FaultEvent<Regions>;
