import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt } from '../built';

beforeAll(ensureBuilt);

test('a reader that has enough, as `head` has, ends the command without a word', async () => {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/cli.js'), 'doctor'], {
    env: { ...process.env, REDIS_DEADLINE_MS: 'soon' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said).toBe('');
});
