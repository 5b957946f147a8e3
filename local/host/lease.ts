import type { QueueClient } from '@azure/storage-queue';

type Leased = Pick<{ messageId: string; popReceipt: string }, 'messageId' | 'popReceipt'>;

/** A message's invisibility while it is worked on: renewed at half its length, each time with a new receipt. */
export class Lease {
  readonly #queue: QueueClient;
  readonly #id: string;
  readonly #lengthMs: number;
  #receipt: string;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor(queue: QueueClient, message: Leased, lengthMs: number) {
    this.#queue = queue;
    this.#id = message.messageId;
    this.#receipt = message.popReceipt;
    this.#lengthMs = lengthMs;
  }

  keep(): void {
    this.#timer = setInterval(() => {
      // A renewal that fails is tried again at the next turn, before the lease is over.
      this.#renewal = this.#renewal.then(() => this.release(this.#lengthMs)).catch(() => {});
    }, this.#lengthMs / 2);
  }

  /** Renews no more; resolves when the last receipt is known. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
  }

  /** Hides the message for so long, from now. */
  async release(visibleInMs: number): Promise<void> {
    const answer = await this.#queue.updateMessage(this.#id, this.#receipt, undefined, Math.ceil(visibleInMs / 1000));
    this.#receipt = answer.popReceipt ?? this.#receipt;
  }

  /** Gone, or taken by another instance since: both are as good. */
  async deleteMessage(): Promise<void> {
    await this.#queue.deleteMessage(this.#id, this.#receipt).catch((thrown: unknown) => {
      const status = (thrown as { statusCode?: number }).statusCode;
      if (status !== 404 && status !== 400) throw thrown;
    });
  }
}
