import { coerceError } from '../../src/errors';

const ANSWER_MS = 5_000;

/** The storage account gave no answer, or can't be asked. That was logged already; the caller only tries again. */
export class UnreachableError extends Error {}

/**
 * Says once that a storage account can't be reached, and once that it answers again, however many listeners wait for
 * it. A fault that storage itself answers with is for the listener to say.
 */
export class StorageWatch {
  readonly #log: (level: 'error' | 'information', message: string) => void;
  readonly #lost = new Set<string>();

  constructor(log: (level: 'error' | 'information', message: string) => void) {
    this.#log = log;
  }

  /** Resolves as `request` does. One that takes long is said to have no answer, and goes on. */
  async request<T>(url: string, request: Promise<T>): Promise<T> {
    const { origin } = new URL(url);
    const late = setTimeout(() => this.#lose(origin, `no answer within ${ANSWER_MS / 1000} s`), ANSWER_MS);
    try {
      const answer = await request;
      this.#find(origin);
      return answer;
    } catch (thrown: unknown) {
      const error = coerceError(thrown);
      if (error.name === 'AbortError') throw error;
      if (isAnswer(error)) {
        this.#find(origin);
        throw error;
      }
      // Some errors of sockets have no message of their own.
      const reason = error.message.split('\n')[0] || error.name;
      this.#lose(origin, reason);
      throw new UnreachableError(reason, { cause: error });
    } finally {
      clearTimeout(late);
    }
  }

  #lose(origin: string, reason: string): void {
    if (this.#lost.has(origin)) return;
    this.#lost.add(origin);
    this.#log(
      'error',
      `Storage at ${origin} can't be reached: ${reason}. Its queues and timers wait; the host goes on trying. Start it, or correct AzureWebJobsStorage`,
    );
  }

  #find(origin: string): void {
    if (this.#lost.delete(origin)) this.#log('information', `Storage at ${origin} answers again`);
  }
}

const isAnswer = (error: Error) =>
  error.name === 'RestError' && 'statusCode' in error && error.statusCode !== undefined;
