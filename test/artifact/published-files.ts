import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, sep } from 'node:path';

/** What the two clients take into the package that they upload, each by its own rules. */

/** `azure.yaml`'s service, as far as it decides what is packaged. */
export interface AzdService {
  readonly project: string;
  readonly dist?: string | undefined;
  readonly remoteBuild?: boolean | undefined;
}

export function readAzdService(file: string): AzdService {
  const text = readFileSync(file, 'utf8');
  const value = (name: string) => new RegExp(`^ {4}${name}: *(\\S+)`, 'm').exec(text)?.[1];
  const remoteBuild = value('remoteBuild');
  return {
    project: value('project') ?? '.',
    dist: value('dist'),
    ...(remoteBuild && { remoteBuild: remoteBuild === 'true' }),
  };
}

/** `func azure functionapp publish` in `folder`: FileSystemHelpers.GetLocalFiles and GitIgnoreParser of Core Tools. */
export function filesByFunc(folder: string): string[] {
  const ignoreFile = join(folder, '.funcignore');
  const accepts = existsSync(ignoreFile) ? coreToolsIgnore(readFileSync(ignoreFile, 'utf8')) : () => true;
  const neverFiles = ['.funcignore', '.gitignore', 'local.settings.json', 'project.lock.json'];
  return filesBelow(folder).filter((file) => {
    const folders = file.split('/').slice(0, -1);
    if (folders.some((name) => ['.git', '.vscode'].includes(name.toLowerCase()))) return false;
    return !neverFiles.includes(basename(file).toLowerCase()) && accepts(file);
  });
}

/** `azd package` of `service` in the repository `root`: createDeployableZip of azd, for a TypeScript function app. */
export function filesByAzd(root: string, service: AzdService): string[] {
  const project = join(root, service.project);
  const folder = service.dist ? join(project, service.dist) : project;
  // Since azd 1.23.12 these two contradict each other, and azd stops (resolveFunctionAppRemoteBuild).
  if (service.remoteBuild === false && ignoredByGit(join(project, '.funcignore'), ['node_modules/']).length > 0) {
    throw new Error("'remoteBuild: false' cannot be used when '.funcignore' excludes node_modules");
  }
  const ignoreFile = join(folder, '.funcignore');
  const files = filesBelow(folder).filter((file) => {
    const folders = file.split('/').slice(0, -1);
    if (folders.includes('.azure') || ['.funcignore', 'local.settings.json'].includes(basename(file))) return false;
    const keepsModules = existsSync(ignoreFile) || service.remoteBuild === false;
    return keepsModules || !folders.includes('node_modules');
  });
  const ignored = new Set(ignoredByGit(ignoreFile, files));
  return files.filter((file) => !ignored.has(file));
}

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
    )
    .sort();

/** Core Tools reads the file by expressions of its own, not as git does: a line matches every path that begins so. */
function coreToolsIgnore(text: string): (path: string) => boolean {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const expression = (patterns: readonly string[]) => {
    const parts = patterns.map((pattern) =>
      pattern
        .replace(/^\//, '')
        .replace(/[-[\]/{}()+?.\\^$|]/g, '\\$&')
        .replaceAll('**', '(.+)')
        .replaceAll('*', '([^\\/]+)'),
    );
    return parts.length > 0 ? new RegExp(`^((${parts.join(')|(')}))\\b`) : /$^/;
  };
  const denied = expression(lines.filter((line) => !line.startsWith('!')));
  const allowed = expression(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  return (path) => allowed.test(path) || !denied.test(path);
}

/** azd's library follows git's rules; so git itself is asked. */
function ignoredByGit(ignoreFile: string, paths: readonly string[]): string[] {
  if (!existsSync(ignoreFile) || paths.length === 0) return [];
  const repository = mkdtempSync(join(tmpdir(), 'steward-ignore-'));
  try {
    writeFileSync(join(repository, '.gitignore'), readFileSync(ignoreFile));
    execFileSync('git', ['init', '-q'], { cwd: repository });
    return execFileSync('git', ['check-ignore', '--no-index', '--stdin'], {
      ...{ cwd: repository, input: paths.join('\n'), encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] },
    })
      .split('\n')
      .filter(Boolean);
  } catch (thrown: unknown) {
    if ((thrown as { status?: number }).status === 1) return []; // git says so where it ignores none
    throw thrown;
  } finally {
    rmSync(repository, { recursive: true, force: true });
  }
}
