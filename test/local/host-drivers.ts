import { join } from 'node:path';
import { freePort } from '../../local/servers/ports';
import { bundle, TestHost } from './host-app';
import { buildWebJobsHost, dotnetEnvironment } from './webjobs-host';

/** A functions host that the contract suite runs an app under. */
export interface HostDriver {
  /** Resolves with the running host; the app is in `appDir`. */
  start(appDir: string, env: Record<string, string>, options?: { drainSeconds?: number }): Promise<TestHost>;
}

const drain = (seconds: number | undefined) => (seconds === undefined ? [] : ['--drain-seconds', `${seconds}`]);

/** The host of this repository. `folder` takes the built script. */
export async function localDriver(folder: string): Promise<HostDriver> {
  const script = join(folder, 'host.cjs');
  await bundle({ file: 'local/host.ts' }, script);
  return {
    start: async (appDir, env, { drainSeconds } = {}) => new TestHost(script, appDir, env, drain(drainSeconds)),
  };
}

/** Microsoft's WebJobs SDK, which the Functions host stands on. */
export async function webJobsDriver(folder: string): Promise<HostDriver> {
  const worker = join(folder, 'worker.cjs');
  const [program] = await Promise.all([buildWebJobsHost(), bundle({ file: 'tools/webjobs-host/worker.ts' }, worker)]);
  return {
    start: async (appDir, env, { drainSeconds } = {}) =>
      new TestHost(
        ['dotnet', program, 'run', '--worker', worker, '--port', `${await freePort()}`],
        appDir,
        { ...dotnetEnvironment, ...env },
        drain(drainSeconds),
      ),
  };
}
