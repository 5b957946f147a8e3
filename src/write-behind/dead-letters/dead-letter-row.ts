import type { Version } from '../../entities/version';
import type { DeadLetter, DeadLetterReason, NewDeadLetter } from './dead-letter';

/** A dead letter as a row of Table Storage. */
export interface DeadLetterRow {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly kind: 'write' | 'message';
  readonly entity: string;
  readonly key: string;
  readonly version: string;
  readonly acceptedAt: string;
  readonly reason: DeadLetterReason;
  readonly error: string;
  readonly attempts: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly isDelete: boolean;
  readonly isLost: boolean;
  readonly payload: string;
  readonly payloadBytes: number;
  /** The blob with the payload if it is too large for the row; else empty. */
  readonly blob: string;
}

/** All columns except the payload. */
export const SUMMARY_COLUMNS: (keyof DeadLetterRow)[] = [
  'partitionKey',
  'rowKey',
  'kind',
  'entity',
  'key',
  'version',
  'acceptedAt',
  'reason',
  'error',
  'attempts',
  'firstAt',
  'lastAt',
  'payloadBytes',
];

/** Where and when. */
type DeadLetterPlace = Pick<DeadLetterRow, 'partitionKey' | 'rowKey' | 'blob' | 'firstAt' | 'lastAt' | 'attempts'>;

export function toRow(letter: NewDeadLetter, place: DeadLetterPlace): DeadLetterRow {
  const write = letter.kind === 'write' ? letter : undefined;
  return {
    ...place,
    kind: letter.kind,
    entity: write?.entity ?? '',
    key: write?.key ?? '',
    version: write?.version ?? '',
    acceptedAt: write ? new Date(write.acceptedAt).toISOString() : '',
    reason: letter.reason,
    error: letter.error,
    isDelete: letter.payload === null,
    isLost: letter.payload === undefined,
    payload: place.blob === '' ? (letter.payload ?? '') : '',
    payloadBytes: Buffer.byteLength(letter.payload ?? ''),
  };
}

export function fromRow(row: DeadLetterRow, payload: string | null | undefined): DeadLetter {
  const { partitionKey, rowKey, reason, error, attempts, firstAt, lastAt, payloadBytes } = row;
  const facts = { letterId: `${partitionKey}/${rowKey}`, reason, error, attempts, firstAt, lastAt, payloadBytes };
  if (row.kind === 'message') return { ...facts, kind: 'message', payload: payload ?? '' };
  return {
    ...facts,
    kind: 'write',
    entity: row.entity,
    key: row.key,
    version: row.version as Version,
    payload,
    acceptedAt: Date.parse(row.acceptedAt),
  };
}
