import { join } from 'node:path';
import { projectRoot, serverDir } from './paths';
import { ServerProcess } from './server-process';

export interface AzuriteOptions {
  /** Keep the data in this folder, across starts. Default: in memory, gone at stop. */
  readonly folder?: string;
}

export interface RunningAzurite {
  /** Queue, blob and table of the well-known development account. */
  readonly connectionString: string;
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
    ],
    env: { NODE_OPTIONS: '' },
    dir,
    keepDir: options.folder !== undefined,
    // In memory nothing is worth waiting for, and a stalled Azurite ignores SIGTERM for long.
    graceMs: options.folder ? 5_000 : 0,
  });
  const from = (await server.log()).length;
  try {
    const ports = await server.until(async () => listening((await server.log()).slice(from)));
    const endpoints = SERVICES.map((name, index) => `${name}Endpoint=http://127.0.0.1:${ports[index]}/${ACCOUNT};`);
    return {
      connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};${endpoints.join('')}`,
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
function listening(log: string): readonly string[] | undefined {
  const ports = SERVICES.flatMap((name) => {
    const said = new RegExp(`${name} service is successfully listening at http://[^:\\s]+:(\\d+)`).exec(log);
    return said?.[1] ? [said[1]] : [];
  });
  return ports.length === SERVICES.length ? ports : undefined;
}
