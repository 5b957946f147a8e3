import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Source {
  readonly uri: string;
  readonly suite: string;
  readonly key: string | undefined;
}

const FOLDER = '/etc/apt';

/** What newer programs are ported back to; see {@link sourcesOf}. */
export const BACKPORTS = 'backports';

/**
 * Lines of a sources.list for another release, such as `bullseye`: the servers that give this system its own release
 * give that one as well. `BACKPORTS` gives the system's own release and what was ported back to it, which leans on it.
 * Throws if the system's sources cannot be read.
 */
export async function sourcesOf(release: string): Promise<string[]> {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const own = (await systemSources()).filter(({ suite }) => suite === codename || suite === `${codename}-security`);
  if (own.length === 0) throw new Error(`Expected sources of ${codename} below ${FOLDER}, found none`);
  return own.flatMap(({ uri, suite, key }) => {
    const suites =
      release === BACKPORTS ? [suite, `${codename}-backports`] : [suite.replace(String(codename), release)];
    return suites.map((other) => `deb ${key ? `[signed-by=${key}] ` : ''}${uri} ${other} main`);
  });
}

async function systemSources(): Promise<Source[]> {
  const parts = await readdir(join(FOLDER, 'sources.list.d')).catch(() => []);
  const files = [join(FOLDER, 'sources.list'), ...parts.map((name) => join(FOLDER, 'sources.list.d', name))];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return texts.flatMap((text, index) => (files[index]?.endsWith('.sources') ? stanzas(text) : lines(text)));
}

/** `deb [options] URI SUITE component...` */
export function lines(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', uri, suite] = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)/.exec(line.trim()) ?? [];
    const key = /signed-by=(\S+)/i.exec(options)?.[1];
    return uri && suite ? [{ uri, suite, key }] : [];
  });
}

/** The newer form: fields in paragraphs. */
export function stanzas(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(stanza)?.[1]?.trim();
    const words = (name: string) => (field(name) ?? '').split(/\s+/).filter(Boolean);
    const key = field('Signed-By');
    if (!words('Types').includes('deb')) return [];
    return words('URIs').flatMap((uri) =>
      words('Suites').map((suite) => ({ uri, suite, key: key?.startsWith('/') ? key : undefined })),
    );
  });
}
