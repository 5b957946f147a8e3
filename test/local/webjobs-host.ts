import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '../../local/servers/lock';
import { cacheDir, projectRoot } from '../../local/servers/paths';
import { missingTool } from '../missing-tool';

const project = join(projectRoot, 'tools/webjobs-host');
const home = join(cacheDir, 'webjobs-host');
const SOURCE = /\.(cs|csproj|props|json)$/;

/** What .NET is run with: nothing is sent home, it writes below .cache/ even without a HOME, and timers are in UTC. */
export const dotnetEnvironment = {
  TZ: 'UTC',
  DOTNET_CLI_HOME: home,
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_NOLOGO: '1',
  MSBUILDDISABLENODEREUSE: '1',
};

/** A suite that needs the WebJobs SDK, and so a .NET SDK. */
export function describeWithDotnet(title: string, suite: () => void): void {
  const env = { ...process.env, ...dotnetEnvironment };
  const { status } = spawnSync('dotnet', ['--version'], { cwd: projectRoot, env });
  if (status === 0) {
    describe(title, suite);
    return;
  }
  missingTool(title, 'no .NET SDK, 8 or later, on PATH');
}

/** Builds tools/webjobs-host, once for each change of it, and gives the path of the program. */
export async function buildWebJobsHost(): Promise<string> {
  await mkdir(home, { recursive: true });
  const program = join(home, 'build/bin/webjobs-host/release/webjobs-host.dll');
  const sources = (await readdir(project)).filter((name) => SOURCE.test(name)).sort();
  const texts = await Promise.all(sources.map((name) => readFile(join(project, name), 'utf8')));
  const stamp = createHash('sha256').update(texts.join('\n')).digest('hex');
  const stampFile = join(home, 'stamp');
  await withLock(join(home, 'lock'), async () => {
    if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return;
    const env = { ...process.env, ...dotnetEnvironment };
    await promisify(execFile)('dotnet', ['build', project, '--nologo', '-v', 'q', '-c', 'Release'], { env }).catch(
      (failed: { stdout?: string; message: string }) => {
        throw new Error(`The WebJobs host can't be built: ${failed.stdout || failed.message}`);
      },
    );
    await writeFile(stampFile, stamp);
  });
  return program;
}
