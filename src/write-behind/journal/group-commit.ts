import { WriteRefusedError } from '../errors';
import { createLinger } from './linger';

export interface GroupCommitOptions {
  /** Bytes of rows that fit one message. */
  readonly messageBytes: number;
  /** Bytes that may wait; beyond it `add` refuses. */
  readonly bufferBytes: number;
  readonly messagesPerSecond: number;
  /** How long a row may wait to be sent before it is refused, in ms. */
  readonly timeoutMs: number;
  /** Sends one message; must settle by `deadline` (of `performance.now()`). */
  readonly send: (rows: readonly string[], deadline: number) => Promise<void>;
}

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Two messages under way keep the queue busy; more would only split batches. */
const SLOTS = 2;

/**
 * Lets callers share messages: a message leaves when it is full, or when its first row has lingered and a slot is free.
 * Under load nothing lingers, since rows gather while the slots are taken.
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

  /** Resolves when the message that holds the row was taken; rejects as `send` did, or with `E_WRITE_REFUSED`. */
  add(text: string, bytes: number): Promise<void> {
    if (this.#closing)
      return Promise.reject(new WriteRefusedError('Expected a journal that is open, got a closed one'));
    if (this.#heldBytes + bytes > this.#options.bufferBytes) {
      return Promise.reject(
        new WriteRefusedError(
          `Expected at most ${this.#options.bufferBytes} bytes waiting for the journal, got more; it is slower than its callers`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, bytes, since: performance.now(), resolve, reject });
      this.#waitingBytes += bytes + 1;
      this.#heldBytes += bytes;
      const full = this.#waitingBytes >= this.#options.messageBytes;
      if (this.#waiting.length === 1 || (full && this.#inFlight < SLOTS)) this.#pump();
    });
  }

  /** Sends what waits, without lingering, and resolves when nothing is under way. */
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
    // Both slots are taken: the next to look is whichever frees one, or this, when the first has waited too long.
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
      await this.#options.send(
        batch.map((row) => row.text),
        (batch[0] as Waiting).since + this.#options.timeoutMs,
      );
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
    // With hardly any time left a send could only end as unknown, which is worse than a plain refusal.
    const before = performance.now() - this.#options.timeoutMs * 0.9;
    const late = this.#waiting.findIndex((row) => row.since > before);
    const rows = this.#waiting.splice(0, late < 0 ? this.#waiting.length : late);
    for (const row of rows) {
      this.#waitingBytes -= row.bytes + 1;
      this.#heldBytes -= row.bytes;
      row.reject(
        new WriteRefusedError(
          `Expected the journal to take a write within ${this.#options.timeoutMs} ms, got no free slot; it was not sent`,
        ),
      );
    }
  }
}
