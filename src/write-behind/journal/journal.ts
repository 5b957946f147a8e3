/**
 * The journal as the jobs see it. A write waits in an Azure Storage Queue until a flush saves it: see
 * storage-queue-journal.ts.
 */

import { MESSAGE_BYTES } from '../../storage/queues';
import {
  type Claim,
  encodeMessage,
  encodeRow,
  HEADER_BYTES,
  type JournalHeader,
  type JournalRow,
} from './journal-message';

/** A message that was received from the journal and is hidden for a while. */
export interface ReceivedMessage {
  /** The decoded text. Text that is not in our encoding is returned unchanged. */
  readonly text: string;
  /** 1 on the first delivery. */
  readonly dequeueCount: number;
  /** Deletes the message. Without it, the message is delivered again when its hidden time ends. */
  done(): Promise<void>;
}

/** The part of a journal that the jobs use. Writers use `Journal` of the cache. */
export interface JournalConsumer {
  /** Adds a message (base64, see journal-message.ts) that is delivered after `delayMs`. Rejects if it may be missing. */
  put(body: string, delayMs: number): Promise<void>;
  /** Receives up to `most` (at most 32) visible messages and hides them from others for `hiddenSeconds`. */
  receive(most: number, hiddenSeconds: number): Promise<readonly ReceivedMessage[]>;
  /** The value of a claim check; undefined if its blob is gone. */
  readClaim(claim: Claim): Promise<string | undefined>;
  /** Deletes the blobs of finished rows. Never rejects: a leftover blob only costs space. */
  dropClaims(claims: readonly Claim[]): Promise<void>;
  /** Messages in the journal, hidden ones included. Storage gives an approximate count. */
  depth(): Promise<number>;
  /** When the oldest write at the head was accepted, in ms since 1970; undefined if no message is visible. */
  oldest(): Promise<number | undefined>;
}

/** Bytes of rows, commas included, that fit in a message. */
export const ROW_BYTES = MESSAGE_BYTES - HEADER_BYTES;

/** Puts rows back, in as many messages as needed. */
export async function putRows(
  journal: Pick<JournalConsumer, 'put'>,
  header: JournalHeader,
  rows: readonly JournalRow[],
  delayMs: number,
): Promise<void> {
  let batch: string[] = [];
  let bytes = 0;
  for (const text of rows.map(encodeRow)) {
    const more = Buffer.byteLength(text) + 1;
    if (batch.length > 0 && bytes + more > ROW_BYTES) {
      await journal.put(encodeMessage(header, batch), delayMs);
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += more;
  }
  if (batch.length > 0) await journal.put(encodeMessage(header, batch), delayMs);
}
