import type { Command } from 'commander';
import { systemClock } from '../../clock';
import { coerceError } from '../../errors';
import { silentLogger } from '../../logger';
import { readSettings } from '../../settings';
import { storageClients } from '../../storage/clients';
import {
  createDeadLetters,
  createStorageQueueJournal,
  type DeadLetterSummary,
  type DeadLetters,
} from '../../write-behind';
import type { CliIo } from '../io';

const noCounters = { add: () => {}, set: () => {}, flush: async () => {} };

function open(io: CliIo) {
  const settings = readSettings(io.env);
  const ports = {
    settings,
    storage: storageClients(settings),
    counters: noCounters,
    logger: silentLogger,
    clock: systemClock,
  };
  return { deadLetters: createDeadLetters(ports), journal: createStorageQueueJournal(ports) };
}

/** `cache-steward dead-letters list | show | replay | discard`: the writes that write-behind could not save. */
export function registerDeadLetters(program: Command, io: CliIo): void {
  const command = program
    .command('dead-letters')
    .description('List, show, replay and discard writes that could not be saved.');

  command
    .command('list')
    .description('List them, without their values. Exits with 1 if there are any.')
    .option('--entity <name>', 'only those of this entity, namespace:entity')
    .option('--limit <count>', 'list at most this many', '100')
    .option('--json', 'print one array instead of lines')
    .action(async ({ entity, limit, json }: { entity?: string; limit: string; json?: boolean }) => {
      const most = Number(limit);
      if (!Number.isInteger(most) || most < 1) {
        io.err(`Expected --limit to be a whole number from 1 up, got ${limit}`);
        return io.exit(2);
      }
      const found = await open(io).deadLetters.list({ limit: most, ...(entity === undefined ? {} : { entity }) });
      if (json) io.out(JSON.stringify(found, null, 2));
      else for (const letter of found) io.out(toLine(letter));
      if (!json && found.length === 0) io.out('no dead letters');
      io.exit(found.length === 0 ? 0 : 1);
    });

  command
    .command('show <letterId>')
    .description('Show everything about one. Its value only with --payload, since it may be private.')
    .option('--payload', 'print the value as well')
    .action(async (letterId: string, { payload }: { payload?: boolean }) => {
      const letter = await open(io).deadLetters.show(letterId);
      if (!letter) return absent(io, letterId);
      const { payload: value, firstAt, lastAt, ...facts } = letter;
      const times = { firstAt: new Date(firstAt).toISOString(), lastAt: new Date(lastAt).toISOString() };
      io.out(JSON.stringify({ ...facts, ...times, ...(payload ? { payload: value } : {}) }, null, 2));
      io.exit(0);
    });

  command
    .command('replay [letterIds...]')
    .description('Put them back into the journal unchanged. A newer row in the database still wins.')
    .option('--all', 'all of them, or with --entity all of that entity')
    .option('--entity <name>', 'only those of this entity, namespace:entity')
    .action(async (letterIds: string[], options: Which) => {
      const { deadLetters, journal } = open(io);
      await each(io, deadLetters, letterIds, options, 'replayed', (id) => deadLetters.replay(id, journal));
      await journal.close();
    });

  command
    .command('discard [letterIds...]')
    .description('Delete them permanently.')
    .option('--all', 'all of them, or with --entity all of that entity')
    .option('--entity <name>', 'only those of this entity, namespace:entity')
    .action(async (letterIds: string[], options: Which) => {
      const { deadLetters } = open(io);
      await each(io, deadLetters, letterIds, options, 'discarded', (id) => deadLetters.discard(id));
    });
}

type Which = { readonly all?: boolean; readonly entity?: string };

async function each(
  io: CliIo,
  deadLetters: DeadLetters,
  given: readonly string[],
  { all, entity }: Which,
  done: string,
  act: (letterId: string) => Promise<boolean>,
): Promise<void> {
  if (given.length > 0 === (all === true)) {
    io.err('Expected the ids of dead letters, or --all; got neither or both');
    return io.exit(2);
  }
  const every = { limit: Number.MAX_SAFE_INTEGER, ...(entity === undefined ? {} : { entity }) };
  const letterIds = all ? (await deadLetters.list(every)).map(({ letterId }) => letterId) : given;
  let missing = 0;
  for (const letterId of letterIds) {
    const failure = await act(letterId).then(
      (found) => (found ? undefined : `no dead letter ${letterId}`),
      (error: unknown) => `${letterId}: ${coerceError(error).message}`,
    );
    if (failure === undefined) io.out(`${done} ${letterId}`);
    else {
      io.err(failure);
      missing++;
    }
  }
  io.out(`${letterIds.length - missing} ${done}`);
  io.exit(missing === 0 ? 0 : 1);
}

function absent(io: CliIo, letterId: string): void {
  io.err(`no dead letter ${letterId}`);
  io.exit(1);
}

function toLine(letter: DeadLetterSummary): string {
  const at = new Date(letter.lastAt).toISOString();
  return `${letter.letterId}  ${letter.reason}  ${letter.key || '(message)'}  ${letter.attempts}×  ${at}  ${letter.error}`;
}
