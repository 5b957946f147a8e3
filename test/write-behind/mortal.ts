import type { SqlPool } from '../../src/entities/postgres';
import type { RedisHandle } from '../../src/redis';
import type { StorageClients } from '../../src/storage/clients';

/**
 * How a process dies at a request: `lost`, the request is not carried out, those beside it are; `done`, it is carried
 * out and its answer is never read.
 */
export type Death = 'lost' | 'done';

type Method = (...args: unknown[]) => unknown;

/**
 * A process that dies at its n-th request to Redis, storage or the database, counted from 1. All that a process can
 * do to the world goes through its requests, so these are all the places where a crash can differ from another.
 */
export class Mortal {
  /** Names of the requests made, the fatal one included. */
  readonly requests: string[] = [];
  /** Resolves when it is dead, and what it had under way has ended. */
  readonly died: Promise<void>;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Of those that wait for an answer which does not come. */
  readonly #waiting: ((error: Error) => void)[] = [];
  #dead = false;
  #ended = false;
  #die: () => void = () => {};

  constructor(
    private readonly fatal = Number.POSITIVE_INFINITY,
    private readonly death: Death = 'done',
  ) {
    this.died = new Promise<void>((resolve) => {
      this.#die = () => {
        this.#dead = true;
        resolve();
      };
    }).then(async () => {
      while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
    });
  }

  /** Ends what still waits, so that no timer of the dead goes on. */
  end(): void {
    this.#dead = true;
    this.#ended = true;
    for (const reject of this.#waiting.splice(0)) reject(new DeadError('dead'));
  }

  redis(handle: RedisHandle): RedisHandle {
    return this.#wrap(handle, (name, method) => {
      if (name === 'run')
        return (store, script, ...rest) =>
          this.#request(`redis ${(script as { name: string }).name}`, () => method(store, script, ...rest));
      if (name === 'within' || name === 'ready')
        return (...args) => this.#request(`redis ${name}`, () => method(...args));
      return method;
    });
  }

  storage(clients: StorageClients): StorageClients {
    return this.#wrap(clients, (kind, make) => async (...args) => {
      const client = await this.#request(`open ${kind}`, () => make(...args));
      return this.#client(kind, client as object);
    });
  }

  pool(pool: SqlPool): SqlPool {
    return { query: (text, values) => this.#request(`sql ${text.split(' ')[0]}`, () => pool.query(text, values)) };
  }

  #client<T extends object>(kind: string, client: T): T {
    return this.#wrap(client, (name, method) =>
      /^get.*Client$/.test(name)
        ? (...args) => this.#client(kind, method(...args) as object)
        : name.startsWith('list')
          ? method
          : (...args) => this.#request(`${kind} ${name}`, () => method(...args)),
    );
  }

  #wrap<T extends object>(target: T, wrapped: (name: string, method: Method) => Method): T {
    return new Proxy(target, {
      get: (_, name) => {
        const member = Reflect.get(target, name) as unknown;
        return typeof member === 'function' && typeof name === 'string'
          ? wrapped(name, member.bind(target) as Method)
          : member;
      },
    });
  }

  #request<T>(name: string, carryOut: () => T): Promise<Awaited<T>> {
    if (this.#dead) return this.#unanswered();
    const isFatal = this.requests.push(name) === this.fatal;
    if (isFatal && this.death === 'lost') {
      // Those that it makes in the same breath are on their way too.
      setImmediate(this.#die);
      return this.#unanswered();
    }
    const answer = Promise.resolve(carryOut());
    this.#underWay.add(answer);
    const ended = () => {
      this.#underWay.delete(answer);
      if (isFatal) this.#die();
    };
    answer.then(ended, ended);
    return answer.finally(() => (this.#dead ? this.#unanswered() : undefined));
  }

  #unanswered(): Promise<never> {
    if (this.#ended) return Promise.reject(new DeadError('dead'));
    return new Promise((_, reject) => this.#waiting.push(reject));
  }
}

/** Looks like a refusal for good, so that nobody tries again. */
class DeadError extends Error {
  readonly statusCode = 403;
}
