import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaryOf } from '../../local/stack/functions-host';

describe('the binary behind a func', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steward-func-'));
  const tools = join(folder, 'azure-functions-core-tools');
  beforeAll(() => {
    for (const name of ['lib', 'bin', '.bin']) mkdirSync(join(tools, name), { recursive: true });
    writeFileSync(join(tools, 'lib/main.js'), '');
    chmodSync(join(tools, 'lib/main.js'), 0o755);
    symlinkSync(join(tools, 'lib/main.js'), join(tools, '.bin/func'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is none for the npm package’s shim alone, which would try to download it', async () => {
    expect(await binaryOf(join(tools, '.bin/func'))).toBeUndefined();
    expect(await binaryOf(join(folder, 'func'))).toBeUndefined();
  });

  test('is the package’s own where it was unpacked, and the file itself where it is no shim', async () => {
    const binary = join(tools, 'bin/func');
    writeFileSync(binary, '');
    chmodSync(binary, 0o755);
    expect(await binaryOf(join(tools, '.bin/func'))).toBe(binary);
    expect(await binaryOf(binary)).toBe(binary);
  });
});
