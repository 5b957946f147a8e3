import { join } from 'node:path';
import { HostProcess } from '../../local/stack/host-process';
import { type Visitors, visitorsOf } from '../../local/web/visitors';
import { bundle, testFolder } from '../local/host-app';
import { networkPreload } from './network-preload';
import type { Platform } from './platform';

/** The sample web app of the deployment: the library under its own identity and its own rights. */
export interface Web {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly visitors: Visitors;
  /** Everything that it printed. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Settings that are a web app's own affair; here, short ways for entries that live for seconds, and a slow machine. */
const OWN = { REFRESH_QUEUE_LATENCY_SECONDS: '2', REDIS_DEADLINE_MS: '5000' };
const READY_MS = 60_000;

export async function startWeb(platform: Platform): Promise<Web> {
  const folder = await testFolder();
  const script = join(folder.path, 'web.cjs');
  await bundle({ file: 'test/deployed/web-process.ts' }, script);
  const network = await networkPreload(folder.path, platform.network);
  const lines: string[] = [];
  let listening: (address: string) => void = () => {};
  const started = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const web = new HostProcess({
    command: process.execPath,
    args: [script],
    cwd: folder.path,
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: `--require ${network}`,
      NODE_EXTRA_CA_CERTS: platform.caFile,
      ...OWN,
      ...platform.webEnvironment,
    },
    onLine: (line) => {
      lines.push(line);
      const said = /^\{"listening":"([^"]+)"\}$/.exec(line)?.[1];
      if (said) listening(said);
    },
  });
  const stop = async () => {
    await web.stop(10_000);
    await folder.remove();
  };
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), READY_MS).unref();
  });
  const address = await Promise.race([started, web.exited.then(() => undefined), late]);
  if (address === undefined) {
    await stop();
    throw new Error(`The web app did not start:\n${lines.slice(-20).join('\n')}`);
  }
  return { address, visitors: visitorsOf(address), lines, stop };
}
