import type { Fence } from '../../cache/write/fence';
import { entityOf } from '../../entities/key';
import type { JournalConsumer } from '../journal/journal';
import { type Decoded, isClaim, type JournalRow } from '../journal/journal-message';
import type { NewDeadLetter } from './dead-letter';
import type { DeadLetters } from './dead-letter-store';

export interface PutAsidePorts {
  readonly journal: Pick<JournalConsumer, 'readClaim'>;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly fence: Pick<Fence, 'discard'>;
}

/** Makes a row a dead letter; the cache then no longer shows it. */
export async function putAside(
  { journal, deadLetters, fence }: PutAsidePorts,
  { key, version, acceptedAt, value }: JournalRow,
  why: Pick<NewDeadLetter, 'reason' | 'error' | 'attempts'>,
): Promise<void> {
  const payload = isClaim(value) ? await journal.readClaim(value) : value;
  await deadLetters.put({ kind: 'write', entity: entityOf(key), key, version, acceptedAt, payload, ...why });
  await fence.discard(key, version);
}

/** Makes dead letters of what could not be decoded, and returns how many. */
export async function putUndecodableAside(
  deadLetters: Pick<DeadLetters, 'put'>,
  { undecodable }: Exclude<Decoded, { kind: 'newer' }>,
  attempts: number,
): Promise<number> {
  for (const { raw, reason } of undecodable) {
    const error = `Expected a journal message, got ${reason}`;
    await deadLetters.put({ kind: 'message', reason: 'undecodable', error, attempts, payload: raw });
  }
  return undecodable.length;
}
