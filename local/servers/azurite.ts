import { join } from 'node:path';
import { projectRoot, serverDir } from './paths';
import { ServerProcess } from './server-process';

export interface AzuriteOptions {
  /** Keep the data in this folder, across starts. Default: in memory, gone at stop. */
  readonly folder?: string;
  /** Name of the account, instead of the well-known one. Its key is the well-known one. */
  readonly account?: string;
  /**
   * Folder with `cert.pem` and `key.pem`: then it speaks HTTPS, and takes Entra's tokens as well as the key. A token's
   * issuer, resource and time are checked, its signature is not.
   */
  readonly tlsDir?: string;
}

export interface RunningAzurite {
  /** Queue, blob and table of the account. */
  readonly connectionString: string;
  readonly ports: Readonly<Record<'blob' | 'queue' | 'table', number>>;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** The key that every storage emulator has, and that the documentation prints. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const SERVICES = ['Blob', 'Queue', 'Table'] as const;

/** Azurite's three services in one process, on ports that the system chooses; resolves when all listen. */
export async function startAzurite(options: AzuriteOptions = {}): Promise<RunningAzurite> {
  const { account = ACCOUNT, tlsDir } = options;
  const dir = options.folder ?? (await serverDir('azurite'));
  const server = new ServerProcess({
    name: 'azurite',
    command: process.execPath,
    args: [
      ...['--require', join(projectRoot, 'local/servers/azurite-preload.cjs')],
      join(projectRoot, 'node_modules/azurite/dist/src/azurite.js'),
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
      ...['--blobPort', '0', '--queuePort', '0', '--tablePort', '0'],
      ...(options.folder ? ['--location', options.folder] : ['--inMemoryPersistence']),
      ...(tlsDir ? ['--oauth', 'basic', '--cert', join(tlsDir, 'cert.pem'), '--key', join(tlsDir, 'key.pem')] : []),
    ],
    env: { NODE_OPTIONS: '', AZURITE_ACCOUNTS: `${account}:${KEY}` },
    dir,
    keepDir: options.folder !== undefined,
    // In memory nothing is worth waiting for, and a stalled Azurite ignores SIGTERM for long.
    graceMs: options.folder ? 5_000 : 0,
  });
  const from = (await server.log()).length;
  try {
    const ports = await server.until(async () => listening((await server.log()).slice(from)));
    // A certificate names a host, never an address.
    const scheme = tlsDir ? 'https' : 'http';
    const address = (port: number) => `${scheme}://${tlsDir ? 'localhost' : '127.0.0.1'}:${port}/${account};`;
    const endpoints = SERVICES.map((name, index) => `${name}Endpoint=${address(ports[index] ?? 0)}`);
    const [blob = 0, queue = 0, table = 0] = ports;
    return {
      connectionString: `DefaultEndpointsProtocol=${scheme};AccountName=${account};AccountKey=${KEY};${endpoints.join('')}`,
      ports: { blob, queue, table },
      pid: server.pid,
      kill: (signal) => server.kill(signal),
      stop: () => server.stop(),
    };
  } catch (error: unknown) {
    await server.stop();
    throw error;
  }
}

/** The ports of blob, queue and table, once all three have said theirs. */
function listening(log: string): readonly number[] | undefined {
  const ports = SERVICES.flatMap((name) => {
    const said = new RegExp(`${name} service is successfully listening at https?://[^:\\s]+:(\\d+)`).exec(log);
    return said?.[1] ? [Number(said[1])] : [];
  });
  return ports.length === SERVICES.length ? ports : undefined;
}
