import {
  type Claim,
  encodeMessage,
  encodeRow,
  HEADER_BYTES,
  type JournalHeader,
  type JournalRow,
  MESSAGE_BYTES,
} from './journal-message';

/** A message that was taken out of the journal for a while. */
export interface ReceivedMessage {
  /** As it was put in, decoded; what is no text of ours stands as it came. */
  readonly text: string;
  /** 1 the first time. */
  readonly dequeueCount: number;
  /** Removes it for good. Without, it is delivered again when its time is over. */
  done(): Promise<void>;
}

/** The side of a journal that the jobs use; `Journal` of the cache is the side of the writers. */
export interface JournalConsumer {
  /** Adds a message (base64, see message.ts) that is delivered after `delayMs`. Rejects where it may not be in. */
  put(body: string, delayMs: number): Promise<void>;
  /** Up to `most` (at most 32) visible messages, hidden from everybody else for `hiddenSeconds`. */
  receive(most: number, hiddenSeconds: number): Promise<readonly ReceivedMessage[]>;
  /** The value behind a claim check; undefined where its blob is gone. */
  readClaim(claim: Claim): Promise<string | undefined>;
  /** Deletes blobs whose rows are done for good. Never rejects: one left over is only space. */
  dropClaims(claims: readonly Claim[]): Promise<void>;
  /** Messages in the journal, those not yet visible included; approximately, as storage counts. */
  depth(): Promise<number>;
  /** When the oldest of the writes at its head was accepted, in ms since 1970; undefined where nothing is visible. */
  oldest(): Promise<number | undefined>;
}

/** Bytes of rows, commas included, that fit a message. */
export const ROW_BYTES = MESSAGE_BYTES - HEADER_BYTES;

/** Puts rows back, in as many messages as they need. */
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
