import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { defineEntity } from '../../src/entities/define-entity';
import { memoryStore } from './memory-store';
import { type Rig, type RigCacheOptions, startRig } from './rig';

const page = readFileSync(join(__dirname, '../../docs/cache.md'), 'utf8');
const examples: { title: string; code: string }[] = [];
let title = '';
for (const [, heading, code] of page.matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)) {
  title = heading ?? title;
  if (code !== undefined) examples.push({ title, code });
}

describe('docs/cache.md', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig?.close());

  test.each(examples)('the example under "$title" runs', async ({ code }) => {
    const { store } = memoryStore();
    const journal = { append: async () => undefined, close: async () => {} };
    const open = (options: RigCacheOptions) => rig.cache({ journal, ...options });
    const { code: js } = transformSync(`module.exports = async () => {\n${code}\n};`, {
      jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
      isModule: false,
    });
    const module = { exports: async () => {} };
    new Function('module', 'cache', 'open', 'defineEntity', 'store', 'assert', js)(
      ...[module, open({}), open, defineEntity, store, assert],
    );
    await module.exports();
  });

  test('has examples', () => {
    expect(examples.length).toBeGreaterThan(6);
  });
});
