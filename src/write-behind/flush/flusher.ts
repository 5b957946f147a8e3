import type { Fence } from '../../cache/write/fence';
import { type Clock, HOUR, SECOND } from '../../clock';
import type { StoredEntity } from '../../entities/define-entity';
import { entityOf } from '../../entities/key';
import type { Entities } from '../../entities/registry';
import { errorCode } from '../../errors';
import type { JobReport } from '../../job';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { Settings } from '../../settings';
import type { DeadLetters } from '../dead-letters/dead-letter-store';
import { putAside, putUndecodableAside } from '../dead-letters/put-aside';
import { type JournalConsumer, putRows } from '../journal/journal';
import { decodeMessage, encodeHeld, type JournalHeader, type JournalRow } from '../journal/journal-message';
import type { BatchSavePorts } from './batch-save';
import { createFlushTally } from './flush-tally';
import { StatementBatcher } from './statement-batcher';

export type FlushSettings = Pick<
  Settings,
  'WRITE_BEHIND_CLOCK_BOUND_SECONDS' | 'WRITE_BEHIND_RETRY_CAP_SECONDS' | 'WRITE_BEHIND_UNKNOWN_ENTITY_HOURS'
>;

export interface FlusherOptions {
  readonly entities: Entities;
  readonly fence: Pick<Fence, 'settle' | 'discard'>;
  readonly journal: JournalConsumer;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly settings: FlushSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The host's metadata of a delivery. */
export interface Delivery {
  /** 1 on the first delivery. */
  readonly dequeueCount: number;
  readonly insertionTime?: Date;
}

export interface Flusher {
  /**
   * Flushes one journal message. Resolves when each row is saved, superseded, a dead letter, or back in the journal.
   * Rejects if even that failed; the host then delivers the message again.
   */
  flush(message: unknown, delivery: Delivery): Promise<JobReport>;
}

const NO_STORE = 'This deployment has no store for the entity';

export function createFlusher(options: FlusherOptions): Flusher {
  const { entities, fence, journal, deadLetters, settings, counters, logger, clock } = options;
  const ports: BatchSavePorts = {
    fence,
    journal,
    deadLetters,
    clock,
    clockBoundMs: settings.WRITE_BEHIND_CLOCK_BOUND_SECONDS * SECOND,
  };
  const capMs = settings.WRITE_BEHIND_RETRY_CAP_SECONDS * SECOND;
  const unknownWaitMs = settings.WRITE_BEHIND_UNKNOWN_ENTITY_HOURS * HOUR;
  const batchers = new Map<string, StatementBatcher>();

  const batcherOf = (entity: StoredEntity<unknown>): StatementBatcher => {
    const known = batchers.get(entity.name) ?? new StatementBatcher(entity, ports);
    batchers.set(entity.name, known);
    return known;
  };

  /** True while an entity or format that this deployment does not know may still be deployed. */
  const mayWait = (header: JournalHeader): boolean => clock.now() - (header.heldSince ?? clock.now()) < unknownWaitMs;
  const held = (header: JournalHeader): JournalHeader => ({
    ...header,
    attempts: header.attempts + 1,
    heldSince: header.heldSince ?? clock.now(),
  });
  const delay = (header: JournalHeader) => retryDelayMs(header.attempts, capMs);

  return {
    async flush(message, delivery) {
      const tally = createFlushTally(counters, clock);
      const decoded = decodeMessage(message);

      if (decoded.kind === 'newer') {
        const again = encodeHeld(held(decoded.header), decoded.body);
        if (again !== undefined && mayWait(decoded.header)) {
          await journal.put(again, delay(decoded.header));
          tally.held('format', 1);
        } else {
          const error = `Expected a journal message of format 1, got ${decoded.format}`;
          const payload = JSON.stringify(decoded.body);
          const attempts = decoded.header.attempts + 1;
          await deadLetters.put({ kind: 'message', reason: 'format', error, attempts, payload });
          tally.deadLetters(1);
        }
        return tally.report();
      }

      tally.deadLetters(await putUndecodableAside(deadLetters, decoded, delivery.dequeueCount));
      if (decoded.kind === 'undecodable') return tally.report();

      const { rows, ...header } = decoded.message;
      const { stored, unknown } = byEntity(entities, rows);

      if (unknown.length > 0) {
        if (mayWait(header)) {
          await putRows(journal, held(header), unknown, delay(header));
          tally.held('entity', unknown.length);
        } else {
          const why = { reason: 'entity', error: NO_STORE, attempts: header.attempts + 1 } as const;
          for (const row of unknown) await putAside(options, row, why);
          tally.deadLetters(unknown.length);
        }
      }

      const later: JournalRow[] = [];
      let error: Error | undefined;
      await Promise.all(
        [...stored].map(async ([entity, own]) => {
          const report = await batcherOf(entity).save(own, header.attempts);
          if (report.statement) tally.statement(entity.name, report.statement);
          later.push(...report.later);
          error ??= report.later.length > 0 ? report.error : undefined;
        }),
      );
      if (later.length > 0) {
        const { heldSince: _known, ...rest } = header;
        await putRows(journal, { ...rest, attempts: header.attempts + 1 }, later, delay(header));
        const message = 'put writes back in the journal; they are tried again later';
        logger.warn({ rows: later.length, attempts: header.attempts, error: errorCode(error) }, message);
      }
      return tally.report(rows.length, later.length, error);
    },
  };
}

/** The pause before the next try, in ms: doubles from 2 s up to the cap; the second half of it is random. */
function retryDelayMs(attempts: number, capMs: number): number {
  const full = Math.min(capMs, 2 * SECOND * 2 ** Math.min(attempts, 20));
  return Math.max(SECOND, full * (0.5 + Math.random() / 2));
}

/** Groups rows by entity. `unknown` holds the rows whose entity this deployment does not know or has no store for. */
function byEntity(entities: Entities, rows: readonly JournalRow[]) {
  const stored = new Map<StoredEntity<unknown>, JournalRow[]>();
  const unknown: JournalRow[] = [];
  // Most rows have the same entity as the row before.
  let prefix = '';
  let own: JournalRow[] = [];
  for (const row of rows) {
    if (prefix === '' || !row.key.startsWith(prefix)) {
      prefix = `${entityOf(row.key)}:`;
      const entity = entities.of(row.key);
      own = entity?.store ? (stored.get(entity) ?? []) : unknown;
      if (entity?.store) stored.set(entity, own);
    }
    own.push(row);
  }
  return { stored, unknown };
}
