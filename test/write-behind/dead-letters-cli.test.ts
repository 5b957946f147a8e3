import { Command } from 'commander';
import { type RunningAzurite, startAzurite } from '../../local/servers';
import { registerDeadLetters } from '../../src/cli/commands/dead-letters-command';
import { systemClock } from '../../src/clock';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { createDeadLetters, type DeadLetters } from '../../src/write-behind';
import { countersInMemory } from './support';

let azurite: RunningAzurite;
let env: Record<string, string>;
let deadLetters: DeadLetters;

beforeAll(async () => {
  azurite = await startAzurite();
  env = { AzureWebJobsStorage: azurite.connectionString };
  const storage = storageClients(readSettings(env));
  deadLetters = createDeadLetters({ storage, counters: countersInMemory(), logger: silentLogger, clock: systemClock });
});
afterAll(() => azurite.stop());

async function run(...args: string[]) {
  const lines: string[] = [];
  let code: number | undefined;
  const program = new Command().exitOverride();
  const io = {
    ...{ out: (line: string) => void lines.push(line), err: (line: string) => void lines.push(line) },
    ...{ env, isTerminal: false },
    exit: (status: number) => {
      code = status;
    },
  };
  registerDeadLetters(program, io);
  await program.parseAsync(['dead-letters', ...args], { from: 'user' });
  return { code, text: lines.join('\n') };
}

const put = (n: number) =>
  deadLetters.put({
    ...{
      kind: 'write',
      entity: 'user:profile',
      key: `user:profile:${n}`,
      version: versionAt(1_700_000_000_000_000, n),
    },
    ...{
      acceptedAt: 1_700_000_000_000,
      reason: 'refused',
      error: 'SQLSTATE 23514',
      attempts: 1,
      payload: '{"secret":1}',
    },
  });

it('lists, shows, replays and discards, and never prints a value unasked', async () => {
  expect(await run('list')).toEqual({ code: 0, text: 'no dead letters' });
  for (const n of [1, 2, 3]) await put(n);
  const list = await run('list', '--entity', 'user:profile');
  expect(list.code).toBe(1);
  expect(list.text).toContain('refused  user:profile:1  1×');
  const [letter] = JSON.parse((await run('list', '--json')).text) as { letterId: string }[];
  const letterId = letter?.letterId as string;

  const shown = await run('show', letterId);
  expect(shown.text).toContain('"reason": "refused"');
  expect(list.text + shown.text).not.toContain('secret');
  expect(JSON.parse((await run('show', letterId, '--payload')).text)).toMatchObject({ payload: '{"secret":1}' });

  expect(await run('replay', letterId)).toEqual({ code: 0, text: `replayed ${letterId}\n1 replayed` });
  expect((await run('replay', letterId)).code).toBe(1);
  expect((await run('show', letterId)).code).toBe(1);
  expect((await run('discard', '--all')).text).toContain('2 discarded');
  expect(await deadLetters.list()).toEqual([]);
});

it.each([[['replay']], [['discard', 'x', '--all']], [['list', '--limit', 'many']]])(
  'says what is wrong with %p',
  async (args) => {
    expect((await run(...args)).code).toBe(2);
  },
);
