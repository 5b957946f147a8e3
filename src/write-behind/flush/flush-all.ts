import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, SECOND } from '../../clock';
import { type JournalBacklog, readBacklog } from '../journal/backlog';
import type { JournalConsumer } from '../journal/journal';
import type { Flusher } from './flusher';

export interface FlushAllOptions {
  /** No message is taken later than this, in ms; what was taken is carried to its end. Default: 30,000. */
  readonly deadlineMs?: number;
}

export interface FlushAllReport {
  /** Writes this call saved. */
  readonly saved: number;
  /** Writes it did not have to save: a newer one was with them, or in the store already. */
  readonly superseded: number;
  /** Writes it put aside. */
  readonly deadLetters: number;
  /** What is still in the journal, for later. Nothing is dropped. */
  readonly left: JournalBacklog;
}

export interface DrainOptions {
  readonly journal: Pick<JournalConsumer, 'receive' | 'depth' | 'oldest'>;
  readonly flusher: Flusher;
  readonly clock: Clock;
}

/** As many as storage gives at once. */
const PAGE = 32;
/** Longer than a page takes, time-outs of the store included; a process that dies leaves its page for that long. */
const HIDDEN_SECONDS = 60;
/** Before looking again at a journal that shows nothing and is not empty: others have it, or it waits for its time. */
const LOOK_EVERY_MS = 100;

/**
 * The flush job without its host: takes what the journal shows and carries it to its end, until the journal is empty or
 * time is up. May run beside the job and beside itself. Rejects where the journal can't be read, or where a write could
 * neither be saved nor put back: it is then delivered again.
 */
export async function drain(
  { journal, flusher, clock }: DrainOptions,
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
