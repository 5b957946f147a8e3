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
import { type JournalConsumer, putRows } from '../journal/journal';
import { decodeMessage, encodeHeld, type JournalHeader, type JournalRow } from '../journal/journal-message';
import type { CommitPorts } from './batch-save';
import { createFlushTally } from './flush-tally';
import { retryDelayMs } from './retry-delay';
import { SharedCommits } from './statement-batcher';

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

/** What the host says of the delivery. */
export interface Delivery {
  /** 1 on the first delivery. */
  readonly dequeueCount: number;
  readonly insertionTime?: Date;
}

export interface Flusher {
  /**
   * Carries one journal message to its end. Resolves when each of its rows is saved, superseded, put aside as a dead
   * letter or back in the journal; rejects where not even that could be done, and the host then delivers it again.
   */
  flush(message: unknown, delivery: Delivery): Promise<JobReport>;
}

export function createFlusher(options: FlusherOptions): Flusher {
  const { entities, fence, journal, deadLetters, settings, counters, logger, clock } = options;
  const ports: CommitPorts = {
    ...{ fence, journal, deadLetters, clock },
    clockBoundMs: settings.WRITE_BEHIND_CLOCK_BOUND_SECONDS * SECOND,
  };
  const capMs = settings.WRITE_BEHIND_RETRY_CAP_SECONDS * SECOND;
  const patienceMs = settings.WRITE_BEHIND_UNKNOWN_ENTITY_HOURS * HOUR;
  const shared = new Map<string, SharedCommits>();

  const sharedOf = (entity: StoredEntity<unknown>): SharedCommits => {
    const known = shared.get(entity.name) ?? new SharedCommits(entity, ports);
    shared.set(entity.name, known);
    return known;
  };

  /** True where what this deployment does not know is still waited for. */
  const isPatient = (header: JournalHeader): boolean => clock.now() - (header.heldSince ?? clock.now()) < patienceMs;
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
        if (again !== undefined && isPatient(decoded.header)) {
          await journal.put(again, delay(decoded.header));
          tally.held('format', 1);
        } else {
          const error = `Expected a journal message of format 1, got ${decoded.format}`;
          await deadLetters.put({
            ...{ kind: 'message', reason: 'format', error, attempts: decoded.header.attempts + 1 },
            payload: JSON.stringify(decoded.body),
          });
          tally.deadLetters(1);
        }
        return tally.report();
      }

      const undecodable = decoded.kind === 'undecodable' ? [decoded.undecodable] : decoded.undecodable;
      for (const { raw, reason } of undecodable) {
        const error = `Expected a journal message, got ${reason}`;
        await deadLetters.put({
          ...{ kind: 'message', reason: 'undecodable', error, attempts: delivery.dequeueCount, payload: raw },
        });
        tally.deadLetters(1);
      }
      if (decoded.kind === 'undecodable') return tally.report();

      const { rows, ...header } = decoded.message;
      const { stored, unknown } = byEntity(entities, rows);

      if (unknown.length > 0) {
        if (isPatient(header)) {
          await putRows(journal, held(header), unknown, delay(header));
          tally.held('entity', unknown.length);
        } else {
          for (const row of unknown) await unknownEntity(row, header);
          tally.deadLetters(unknown.length);
        }
      }

      const later: JournalRow[] = [];
      let error: Error | undefined;
      await Promise.all(
        [...stored].map(async ([entity, own]) => {
          const report = await sharedOf(entity).commit(own, header.attempts);
          if (report.statement) tally.statement(entity.name, report.statement);
          later.push(...report.later);
          error ??= report.later.length > 0 ? report.error : undefined;
        }),
      );
      if (later.length > 0) {
        const { heldSince: _known, ...rest } = header;
        await putRows(journal, { ...rest, attempts: header.attempts + 1 }, later, delay(header));
        logger.warn(
          { rows: later.length, attempts: header.attempts, error: errorCode(error) },
          'writes put back in the journal',
        );
      }
      return tally.report(rows.length, later.length);
    },
  };

  async function unknownEntity(row: JournalRow, header: JournalHeader): Promise<void> {
    const { key, version, acceptedAt } = row;
    const payload =
      typeof row.value === 'object' && row.value !== null ? await journal.readClaim(row.value) : row.value;
    const error = 'Expected an entity that has a store in this deployment, got another';
    await deadLetters.put({
      ...{ kind: 'write', entity: entityOf(key), key, version, acceptedAt, payload },
      ...{ reason: 'entity', error, attempts: header.attempts + 1 },
    });
    await fence.discard(key, version);
  }
}

/** Rows by their entity, and those of entities that are not here or have no store. */
function byEntity(entities: Entities, rows: readonly JournalRow[]) {
  const stored = new Map<StoredEntity<unknown>, JournalRow[]>();
  const unknown: JournalRow[] = [];
  // A row is most often of the same entity as the one before it.
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
