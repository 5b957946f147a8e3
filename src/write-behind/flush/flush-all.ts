import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, SECOND } from '../../clock';
import { type JournalBacklog, readBacklog } from '../journal/backlog';
import type { JournalConsumer } from '../journal/journal';
import type { Flusher } from './flusher';

export interface FlushAllOptions {
  /** No message is received after this time, in ms. Received messages are finished. Default: 30,000. */
  readonly deadlineMs?: number;
}

export interface FlushAllReport {
  /** Writes that this call saved. */
  readonly saved: number;
  /** Writes that were not needed: a newer one was in the same batch or already in the store. */
  readonly superseded: number;
  /** Writes that became dead letters. */
  readonly deadLetters: number;
  /** The writes that are still in the journal. No write is dropped. */
  readonly left: JournalBacklog;
}

export interface FlushAllPorts {
  readonly journal: Pick<JournalConsumer, 'receive' | 'depth' | 'oldest'>;
  readonly flusher: Flusher;
  readonly clock: Clock;
}

/** The most that Storage Queue returns at once. */
const PAGE = 32;
/** Longer than a page takes, store time-outs included. If the process dies, its page is visible again after this time. */
const HIDDEN_SECONDS = 60;
/** The pause before the next look at a journal that is not empty and shows no message. */
const LOOK_EVERY_MS = 100;

/**
 * The flush job without its host: receives and flushes messages until the journal is empty or the time is up. It may
 * run beside the job and beside itself. Rejects if the journal cannot be read, or if a write could neither be saved nor
 * put back; that write is delivered again.
 */
export async function flushAll(
  { journal, flusher, clock }: FlushAllPorts,
  { deadlineMs = 30 * SECOND }: FlushAllOptions = {},
): Promise<FlushAllReport> {
  const deadline = performance.now() + deadlineMs;
  const sums = { saved: 0, superseded: 0, deadLetters: 0 };
  while (performance.now() < deadline) {
    const page = await journal.receive(PAGE, HIDDEN_SECONDS);
    if (page.length === 0) {
      if ((await journal.depth()) === 0) break;
      await pause(Math.max(0, Math.min(LOOK_EVERY_MS, deadline - performance.now())));
      continue;
    }
    await Promise.all(
      page.map(async (message) => {
        const { figures } = await flusher.flush(message.text, message);
        await message.done();
        sums.saved += figures.saved ?? 0;
        sums.superseded += (figures.superseded ?? 0) + (figures.fenced ?? 0);
        sums.deadLetters += figures.deadLetters ?? 0;
      }),
    );
  }
  return { ...sums, left: await readBacklog(journal, clock) };
}
