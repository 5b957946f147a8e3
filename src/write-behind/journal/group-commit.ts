import { AsyncResource } from 'node:async_hooks';
import { WriteRefusedError } from '../errors';
import { createLinger } from './linger';

export interface GroupCommitOptions {
  /** Bytes of rows that fit in one message. */
  readonly messageBytes: number;
  /** Bytes that may wait; above it `add` refuses. */
  readonly bufferBytes: number;
  readonly messagesPerSecond: number;
  /** How long a row may wait before it is refused, in ms. */
  readonly timeoutMs: number;
  /** Sends one message; must settle by `deadline` (of `performance.now()`). */
  readonly send: (rows: readonly string[], deadline: number) => Promise<void>;
}

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly since: number;
  /** The context of the call. A message is sent in that of its first row, so that traces and log lines have an owner. */
  readonly scope: AsyncResource;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Messages sent at the same time. Two keep the queue busy; more would only make batches smaller. */
const SLOTS = 2;

/**
 * Several callers share one message. A message is sent when it is full, or when its first row has lingered and a slot
 * is free. Under load no row lingers, because rows gather while both slots are busy.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #linger;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #heldBytes = 0;
  #inFlight = 0;
  #timer: NodeJS.Timeout | undefined;
  #closing = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#linger = createLinger(options.messagesPerSecond);
  }

  /** Resolves when the message with the row is queued. Rejects as `send` does, or with `E_WRITE_REFUSED`. */
  add(text: string, bytes: number): Promise<void> {
    if (this.#closing)
      return Promise.reject(
        new WriteRefusedError('The journal is closed, so the write was not queued. Write before close() is called.'),
      );
    if (this.#heldBytes + bytes > this.#options.bufferBytes) {
      return Promise.reject(
        new WriteRefusedError(
          `More than ${this.#options.bufferBytes} bytes wait for the journal, so the write was not queued. Slow the callers down, or raise WRITE_BEHIND_BUFFER_BYTES.`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        text,
        bytes,
        since: performance.now(),
        scope: new AsyncResource('Append'),
        resolve,
        reject,
      });
      this.#waitingBytes += bytes + 1;
      this.#heldBytes += bytes;
      const full = this.#waitingBytes >= this.#options.messageBytes;
      if (this.#waiting.length === 1 || (full && this.#inFlight < SLOTS)) this.#pump();
    });
  }

  /** Sends every waiting row without lingering. Resolves when all messages are sent. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#pump();
    if (this.#inFlight === 0 && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#refuseLate();
    while (this.#waiting.length > 0 && this.#inFlight < SLOTS) {
      const full = this.#waitingBytes >= this.#options.messageBytes;
      const wait =
        full || this.#closing ? 0 : (this.#waiting[0] as Waiting).since + this.#linger.ms() - performance.now();
      if (wait > 0.5) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        return;
      }
      void this.#send(this.#take());
    }
    const first = this.#waiting[0];
    // Both slots are busy. The next check runs when one is free, or when the first row has waited too long.
    if (first) {
      this.#timer = setTimeout(
        () => this.#pump(),
        Math.max(1, first.since + this.#options.timeoutMs - performance.now()),
      );
    } else if (this.#inFlight === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const row of this.#waiting) {
      if (count > 0 && bytes + row.bytes + 1 > this.#options.messageBytes) break;
      bytes += row.bytes + 1;
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #send(batch: Waiting[]): Promise<void> {
    this.#inFlight++;
    this.#linger.sent();
    try {
      const { scope, since } = batch[0] as Waiting;
      const rows = batch.map((row) => row.text);
      await scope.runInAsyncScope(() => this.#options.send(rows, since + this.#options.timeoutMs));
      for (const row of batch) row.resolve();
    } catch (error) {
      for (const row of batch) row.reject(error);
    } finally {
      this.#inFlight--;
      for (const row of batch) this.#heldBytes -= row.bytes;
      this.#pump();
    }
  }

  #refuseLate(): void {
    // A send with almost no time left would end as unknown, which is worse than a refusal.
    const before = performance.now() - this.#options.timeoutMs * 0.9;
    const late = this.#waiting.findIndex((row) => row.since > before);
    const rows = this.#waiting.splice(0, late < 0 ? this.#waiting.length : late);
    for (const row of rows) {
      this.#waitingBytes -= row.bytes + 1;
      this.#heldBytes -= row.bytes;
      row.reject(
        new WriteRefusedError(
          `The journal had no free slot within ${this.#options.timeoutMs} ms, so the write was not queued. Try again, or raise WRITE_BEHIND_APPEND_TIMEOUT_MS.`,
        ),
      );
    }
  }
}
