import { setTimeout as sleep } from 'node:timers/promises';
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { coerceError } from '../../src/errors';
import { Backoff } from './backoff';
import type { QueueOptions } from './host-json';
import { Lease } from './lease';
import { decodeMessage, type QueueMessage, textOf } from './queue-data';
import { type StorageWatch, UnreachableError } from './storage-watch';

export interface QueueListenerOptions extends QueueOptions {
  readonly service: () => Promise<QueueServiceClient>;
  readonly queueName: string;
  /** How long a message is hidden while it is worked on. The real host's 10 minutes cannot be set; here tests can. */
  readonly leaseMs: number;
  /** Runs the function; a rejection is a failed try. */
  readonly run: (message: QueueMessage) => Promise<void>;
  readonly watch: StorageWatch;
  readonly warn: (message: string) => void;
}

const SHORTEST_POLL_MS = 100;
const LONGEST_QUEUE_NAME = 63;
const POISON = '-poison';
const QUEUE_NAME = /^[a-z0-9](?:-?[a-z0-9])*$/;

/** The name of a queue, in lower case as the host writes it. Throws on one that storage would refuse. */
export function validQueueName(text: string): string {
  const name = text.toLowerCase();
  if (name.length >= 3 && name.length <= LONGEST_QUEUE_NAME && QUEUE_NAME.test(name)) return name;
  throw new Error(
    `Expected a queue name of 3 to 63 lower-case letters, digits and single hyphens, got ${JSON.stringify(name)}`,
  );
}

/** Takes messages off one queue and runs the function for each, as the host's storage queue extension does. */
export class QueueListener {
  readonly #options: QueueListenerOptions;
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  readonly #inFlight = new Set<Promise<void>>();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: QueueListenerOptions) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => this.#stopping.signal.addEventListener('abort', () => resolve()));
  }

  start(): void {
    this.#loop = this.#poll();
  }

  /** Fetches no more, and resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.all(this.#inFlight);
  }

  async #poll(): Promise<void> {
    const { newBatchThreshold, maxPollingIntervalMs, queueName, warn } = this.#options;
    const backoff = new Backoff(SHORTEST_POLL_MS, maxPollingIntervalMs);
    let queue: QueueClient | undefined;
    while (!this.#stopping.signal.aborted) {
      let messages: DequeuedMessageItem[] = [];
      try {
        queue ??= await this.#findQueue();
        if (queue) messages = await this.#receive(queue);
      } catch (thrown: unknown) {
        if (this.#stopping.signal.aborted) break;
        if (!(thrown instanceof UnreachableError)) {
          warn(`queue ${queueName}: ${coerceError(thrown).message.split('\n')[0]}`);
        }
      }
      if (queue === undefined || messages.length === 0) {
        await this.#pause(backoff.next(false));
        continue;
      }
      for (const message of messages) this.#begin(queue, message);
      backoff.next(true);
      while (this.#inFlight.size > newBatchThreshold && !this.#stopping.signal.aborted) {
        await Promise.race([...this.#inFlight, this.#stopped]);
      }
    }
  }

  /** The listener doesn't create its queue; it waits for it. */
  async #findQueue(): Promise<QueueClient | undefined> {
    const queue = (await this.#options.service()).getQueueClient(this.#options.queueName);
    const exists = queue.exists({ abortSignal: this.#stopping.signal });
    return (await this.#options.watch.request(queue.url, exists)) ? queue : undefined;
  }

  async #receive(queue: QueueClient): Promise<DequeuedMessageItem[]> {
    // Not aborted at a stop: the answer may be on its way, and its messages would be hidden for a whole lease.
    const receiving = queue.receiveMessages({
      numberOfMessages: this.#options.batchSize,
      visibilityTimeout: Math.ceil(this.#options.leaseMs / 1000),
    });
    return (await this.#options.watch.request(queue.url, receiving)).receivedMessageItems;
  }

  #begin(queue: QueueClient, message: DequeuedMessageItem): void {
    const work = this.#process(queue, message)
      .catch((thrown: unknown) =>
        this.#options.warn(`queue ${this.#options.queueName}: ${coerceError(thrown).message.split('\n')[0]}`),
      )
      .finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  async #process(queue: QueueClient, message: DequeuedMessageItem): Promise<void> {
    const { maxDequeueCount, messageEncoding, leaseMs, visibilityTimeoutMs } = this.#options;
    const lease = new Lease(queue, message, leaseMs);
    const body = decodeMessage(message.messageText, messageEncoding);
    // Its tries are used up, by processes that died before they could say so; or it isn't base64.
    if (message.dequeueCount > maxDequeueCount || body === undefined) return this.#giveUp(message, lease);
    lease.keep();
    const failed = await this.#run(message, body).then(
      () => false,
      () => true,
    );
    await lease.end();
    if (!failed) await lease.deleteMessage();
    else if (message.dequeueCount >= maxDequeueCount) await this.#giveUp(message, lease);
    else if (this.#poisonName !== undefined) await lease.release(visibilityTimeoutMs);
  }

  async #run(message: DequeuedMessageItem, body: Buffer): Promise<void> {
    const { queueName, run, warn } = this.#options;
    let text: string;
    try {
      text = textOf(body);
    } catch (thrown: unknown) {
      warn(`queue ${queueName}: the body of message ${message.messageId} is no UTF-8; the function can't be given it`);
      throw thrown;
    }
    await run({
      body: text,
      dequeueCount: message.dequeueCount,
      messageId: message.messageId,
      popReceipt: message.popReceipt,
      insertedOn: message.insertedOn,
      expiresOn: message.expiresOn,
      nextVisibleOn: message.nextVisibleOn,
    });
  }

  /** A poison queue has none of its own: what fails there stays hidden for the rest of its lease. */
  get #poisonName(): string | undefined {
    const { queueName } = this.#options;
    const name = `${queueName}${POISON}`;
    return queueName.endsWith(POISON) || name.length > LONGEST_QUEUE_NAME ? undefined : name;
  }

  /** Copies to the poison queue, then deletes: a crash between the two leaves both. */
  async #giveUp(message: DequeuedMessageItem, lease: Lease): Promise<void> {
    const name = this.#poisonName;
    if (name === undefined) return;
    const poison = (await this.#options.service()).getQueueClient(name);
    await poison.createIfNotExists();
    await poison.sendMessage(message.messageText);
    await lease.deleteMessage();
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
