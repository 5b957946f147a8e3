import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import manifest from '../../package.json';

/** Every file, heading and command that the documents name exists. */

const root = join(__dirname, '../..');
const documents = globSync(['*.md', 'docs/**/*.md', 'local/**/*.md', 'deploy/**/*.md'], { cwd: root }).sort();
const textOf = (document: string) => readFileSync(join(root, document), 'utf8');

/** Files that the recipes of CONTRIBUTING.md have the reader write. */
const written = [
  'docs/runbooks/sweep-restarts.md',
  'src/cli/commands/where-command.ts',
  'test/cli/where.test.ts',
  'src/entities/memory/memory-store.ts',
  'test/entities/memory-store.test.ts',
];

/** Files of other repositories. */
const elsewhere = /^src\/Microsoft\./;

const FOLDERS = 'src|test|docs|infra|local|bench|scripts|alerts|deploy|tools';
const PATH = new RegExp(`(?<![\\w./@-])(?:${FOLDERS})/[\\w.{},*/-]*[\\w*}/]`, 'g');

/** As GitHub makes the address of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (text: string) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));

test('there are documents to look at', () => {
  expect(documents.length).toBeGreaterThan(60);
  expect(documents).toContain('CONTRIBUTING.md');
});

describe.each(documents)('%s', (document) => {
  const text = textOf(document);

  test('links to files and headings that exist', () => {
    const broken = [...text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)/g)].filter(([, path, anchor]) => {
      const target = path ? join(root, dirname(document), path) : join(root, document);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor.slice(1));
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test('names files and folders that exist', () => {
    // The change log names files as they were.
    if (document === 'CHANGELOG.md') return;
    const named = [...new Set([...text.matchAll(PATH)].map(([path]) => path))];
    const ours = named.filter((path) => !written.includes(path) && !elsewhere.test(path));
    expect(ours.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
  });

  test('names npm scripts, benchmarks and commands that exist', () => {
    const scripts = [...text.matchAll(/npm (?:run (?:-s )?)?(start|test(?::\w+)?|(?<=run )[\w:]+)/g)].map(
      ([, name = '']) => name,
    );
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);

    const scenarios = [...text.matchAll(/npm run bench -- ([\w-]+)/g)].map(([, name = '']) => name);
    const known = [...globSync(join(root, 'bench/scenarios/*.ts')).map((file) => /([\w-]+)\.ts$/.exec(file)?.[1])];
    expect(scenarios.filter((name) => name !== 'readme' && !known.includes(name))).toEqual([]);

    const commands = [...text.matchAll(/(?:(?:npx |`|^)cache-steward|dist\/cli\.js) ([a-z][\w-]*)/gm)].map(
      ([, name = '']) => name,
    );
    const registered = globSync(join(root, 'src/cli/commands/*.ts')).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\.command\('([\w-]+)/g)].map(([, name]) => name),
    );
    // `where` is the example of CONTRIBUTING.md.
    expect(commands.filter((name) => name !== 'where' && !registered.includes(name))).toEqual([]);
  });
});
