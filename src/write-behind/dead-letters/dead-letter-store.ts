import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import type { Journal } from '../../cache/ports';
import type { Clock } from '../../clock';
import { StewardError } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import { type StorageClients, unlessStatus } from '../../storage/clients';
import { toMessageBody } from '../../storage/queues';
import type { JournalConsumer } from '../journal/journal';
import type { DeadLetter, DeadLetterSummary, NewDeadLetter } from './dead-letter';
import { type DeadLetterRow, fromRow, SUMMARY_COLUMNS, toRow } from './dead-letter-row';

export interface DeadLetters {
  /** Stores one. Idempotent by key and version, or by the message's text: a repeat only adds to its attempts. */
  put(letter: NewDeadLetter): Promise<void>;
  /** Lists those of all entities, or of one, sorted by entity and key. Default limit: 100. */
  list(filter?: { readonly entity?: string; readonly limit?: number }): Promise<readonly DeadLetterSummary[]>;
  show(letterId: string): Promise<DeadLetter | undefined>;
  /**
   * Puts it back into the journal with its own version, and deletes it here. The fence decides as always, so a replay
   * never overwrites a newer value. Returns false if there is none with that id. Throws `E_DEAD_LETTER` if its value is
   * gone, and the journal's errors.
   */
  replay(letterId: string, journal: Pick<Journal, 'append'> & Pick<JournalConsumer, 'put'>): Promise<boolean>;
  /** Deletes it. Returns false if there is none with that id. */
  discard(letterId: string): Promise<boolean>;
}

/** The dead letter cannot be replayed. */
export class DeadLetterError extends StewardError {
  readonly code = 'E_DEAD_LETTER';
}

export interface DeadLettersOptions {
  readonly storage: StorageClients;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

export const DEAD_LETTERS_TABLE = 'deadletters';
export const DEAD_LETTERS_CONTAINER = 'dead-letters';
/** A string property holds 32 Ki characters; longer payloads go to a blob. */
const INLINE_CHARACTERS = 30_000;
const UNDECODED = 'message';

/** Dead letters in Table Storage, large payloads in blobs. */
export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { storage, counters, logger, clock } = options;

  return {
    async put(letter) {
      const table = await storage.table(DEAD_LETTERS_TABLE);
      const { partition, row } = idOf(letter);
      const now = clock.now();
      const known = await find(table, partition, row);
      let blob = '';
      if (letter.payload && letter.payload.length > INLINE_CHARACTERS) {
        blob = `${partition}/${row}`;
        const content = Buffer.from(letter.payload, 'utf8');
        const container = await storage.container(DEAD_LETTERS_CONTAINER);
        await container.getBlockBlobClient(blob).upload(content, content.length);
      }
      await table.upsertEntity(
        toRow(letter, {
          partitionKey: partition,
          rowKey: row,
          blob,
          lastAt: now,
          firstAt: known?.firstAt ?? now,
          attempts: Math.max(letter.attempts, (known?.attempts ?? 0) + 1),
        }),
        'Replace',
      );
      counters.add('write_behind_dead_letters', { reason: letter.reason });
      logger.error(
        {
          entity: letter.kind === 'write' ? letter.entity : undefined,
          reason: letter.reason,
          attempts: letter.attempts,
        },
        'a write became a dead letter; list it with `cache-steward dead-letters list`',
      );
    },

    async list({ entity, limit = 100 } = {}) {
      const table = await storage.table(DEAD_LETTERS_TABLE);
      const filter = entity && { filter: `PartitionKey eq '${partitionOf(entity).replaceAll("'", "''")}'` };
      const letters: DeadLetterSummary[] = [];
      // Table Storage always returns pages of 1,000 rows, so the payloads are not selected.
      const found = table.listEntities<DeadLetterRow>({ queryOptions: { ...filter, select: SUMMARY_COLUMNS } });
      for await (const row of found) {
        if (letters.length >= limit) break;
        const { payload: _private, ...summary } = fromRow(row, null);
        letters.push(summary as DeadLetterSummary);
      }
      return letters;
    },

    async show(letterId) {
      const at = parseId(letterId);
      const row = at && (await find(await storage.table(DEAD_LETTERS_TABLE), at.partition, at.row));
      if (!row) return undefined;
      if (row.blob === '') return fromRow(row, row.isLost ? undefined : row.isDelete ? null : row.payload);
      const container = await storage.container(DEAD_LETTERS_CONTAINER);
      return fromRow(row, (await container.getBlobClient(row.blob).downloadToBuffer()).toString('utf8'));
    },

    async replay(letterId, journal) {
      const letter = await this.show(letterId);
      if (!letter) return false;
      if (letter.kind === 'write') {
        const { entity, key, version, payload, acceptedAt } = letter;
        if (payload === undefined) {
          const message = 'The blob with the value of this dead letter is gone, so it cannot be replayed. Discard it.';
          throw new DeadLetterError(message);
        }
        await journal.append({ entity, key, version, value: payload, acceptedAt });
      } else {
        await journal.put(toMessageBody(letter.payload), 0);
      }
      await this.discard(letterId);
      return true;
    },

    async discard(letterId) {
      const at = parseId(letterId);
      const table = await storage.table(DEAD_LETTERS_TABLE);
      const row = at && (await find(table, at.partition, at.row));
      if (!at || !row) return false;
      await table.deleteEntity(at.partition, at.row);
      if (row.blob !== '') {
        const container = await storage.container(DEAD_LETTERS_CONTAINER);
        await container.getBlobClient(row.blob).deleteIfExists();
      }
      return true;
    },
  };
}

const find = (table: TableClient, partition: string, row: string): Promise<DeadLetterRow | undefined> =>
  unlessStatus(404, table.getEntity<DeadLetterRow>(partition, row));

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** Table keys cannot contain `/ \ # ?` and control characters; the name of an entity can. */
const partitionOf = (entity: string): string => encodeURIComponent(entity).replaceAll('%', '=');

const idOf = (letter: NewDeadLetter): { partition: string; row: string } =>
  letter.kind === 'write'
    ? { partition: partitionOf(letter.entity), row: `${digest(letter.key)}-${letter.version}` }
    : { partition: UNDECODED, row: digest(letter.payload) };

function parseId(letterId: string): { partition: string; row: string } | undefined {
  const cut = letterId.lastIndexOf('/');
  return cut > 0 ? { partition: letterId.slice(0, cut), row: letterId.slice(cut + 1) } : undefined;
}
