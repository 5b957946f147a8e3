import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The maps of the code in docs/architecture.md and CONTRIBUTING.md show the folders as they are. */

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const parts = [...new Set(globSync('src/*/**/*', { cwd: root }).map((file) => `src/${file.split('/')[1]}/`))].sort();
const inner = [...new Set(globSync('src/*/*/*.{ts,lua,html}', { cwd: root }).map(dirname))].sort();

test.each(['docs/architecture.md', 'CONTRIBUTING.md'])('%s lists every folder of src', (document) => {
  const text = read(document);
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.filter((folder) => !text.includes(`\`${folder}\``))).toEqual([]);
});

test('docs/architecture.md lists every inner folder in the row of its folder', () => {
  const rows = read('docs/architecture.md').split('\n');
  const missing = inner.filter((folder) => {
    const [, part, name] = folder.split('/');
    return !rows.some((row) => row.startsWith(`| \`src/${part}/\``) && row.includes(`\`${name}/\``));
  });
  expect(missing).toEqual([]);
});

test('docs/architecture.md has the layers of .dependency-cruiser.cjs, in their order', () => {
  const [, list = ''] = /const layers = \[\n([\s\S]*?)\n\];/.exec(read('.dependency-cruiser.cjs')) ?? [];
  const layers = [...list.matchAll(/\[(.*)\]/g)].map(([, names = '']) => names.replaceAll("'", ''));
  expect(layers.length).toBeGreaterThan(5);
  expect(read('docs/architecture.md')).toContain(`\`${layers.join(' → ')}\``);
});

test('docs/decisions/README.md lists every decision', () => {
  const pages = globSync('docs/decisions/*.md', { cwd: root }).map((file) => file.replace('docs/decisions/', ''));
  const text = read('docs/decisions/README.md');
  expect(pages.filter((page) => page !== 'README.md' && !text.includes(`](${page})`))).toEqual([]);
});
