import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '../../../src/client';
import { errorCode } from '../../../src/errors';
import { silentLogger } from '../../../src/logger';
import { type CredentialSource, defineScript } from '../../../src/redis';
import { createSessionStore } from '../../../src/sessions';
import { readSettings } from '../../../src/settings';
import { WriteBehind } from './write-behind';

/** How long any caller waits; also what no call may exceed by more than a busy machine's share. */
export const DEADLINE_MS = 500;
const PAUSE_MS = 10;
/** Enough keys that every master of a small cluster has several. */
const KEYS = 24;
const SETTINGS = { REDIS_DEADLINE_MS: `${DEADLINE_MS}`, WRITE_BEHIND_RETRY_CAP_SECONDS: '1' };

export interface Outcome {
  /** Calls that succeeded, and those that failed by their code. */
  readonly calls: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Longest time in which one key's writes all failed. */
  readonly withoutServiceMs: number;
  /** The longest single call. */
  readonly longestCallMs: number;
  /** Reads by the library that gave less than what was invalidated, and acknowledged, before they began. */
  readonly olderReads: number;
  /** Of them the one that was older by most. */
  readonly oldestMs: number;
  /** Keys written behind, and those whose last acknowledged write never reached the store. */
  readonly writtenBehind: number;
  readonly lost: number;
}

type Environment = Readonly<Record<string, string>>;

/** What one process has of the library. */
interface Process {
  readonly client: Client;
  readonly sessions: ReturnType<typeof createSessionStore>;
}

const put = defineScript<number>('ha-put', {
  keys: 1,
  writes: true,
  repeatable: true,
  lua: "redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000) return 1",
});

/**
 * Callers of the library, going on through whatever happens: scripts that write, cached reads whose source changes and
 * is invalidated, sessions, and writes behind with the job that saves them.
 */
export class Load {
  #process: Promise<Process>;
  readonly #writeBehind = new WriteBehind();
  readonly #callers: Promise<void>[] = [];
  readonly #errors: Record<string, number> = {};
  readonly #lastWrite = new Map<number, number>();
  /** What the source holds, and when the last invalidation that the library acknowledged for it ended. */
  readonly #source = new Map<number, { value: number; acknowledged: number; at: number }>();
  #calls = 0;
  #gap = 0;
  #longest = 0;
  #older = 0;
  #oldestMs = 0;
  #stopped = false;
  #written = false;
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly credentials?: CredentialSource,
  ) {
    this.#process = this.#begin(environment);
  }

  async start(): Promise<void> {
    await (await this.#process).client.redis.ready(10_000);
    for (let key = 0; key < KEYS; key += 1) {
      this.#source.set(key, { value: 0, acknowledged: 0, at: 0 });
      this.#callers.push(this.#write(key), this.#read(key));
      this.#callers.push(
        this.#until(async ({ client }, turn) => this.#writeBehind.write(client, `ha:row:${key}`, turn)),
      );
    }
    for (let user = 0; user < 4; user += 1) this.#callers.push(this.#browse(user));
    const clientNow = async () => (await this.#process).client;
    this.#flushing = this.#writeBehind.flush(clientNow, () => this.#written);
  }

  /** Ends the process, as it were, and begins another with these settings. Callers wait meanwhile. */
  async restart(environment: Environment): Promise<void> {
    const before = this.#process;
    this.#process = before.then(end).then(() => this.#begin({ ...this.environment, ...environment }));
    await this.#process;
  }

  /** Resolves when every key is written again since now; rejects after `ms`. */
  async served(ms: number): Promise<void> {
    const since = performance.now();
    const all = () => [...this.#lastWrite.values()].filter((at) => at > since).length === KEYS;
    while (!all()) {
      if (performance.now() - since > ms) throw new Error(`not every key could be written within ${ms} ms`);
      await sleep(PAUSE_MS);
    }
  }

  async stop(): Promise<Outcome> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.#written = true;
    await this.#flushing;
    await end(await this.#process);
    return {
      calls: this.#calls,
      errors: this.#errors,
      withoutServiceMs: Math.round(this.#gap),
      longestCallMs: Math.round(this.#longest),
      olderReads: this.#older,
      oldestMs: Math.round(this.#oldestMs),
      writtenBehind: this.#writeBehind.acknowledged,
      lost: this.#writeBehind.lost,
    };
  }

  async #begin(environment: Environment): Promise<Process> {
    const client = createClient({
      ...{ settings: readSettings({ ...SETTINGS, ...environment }), entities: [this.#writeBehind.entity] },
      ...{ logger: silentLogger, role: 'ha', cache: { deadlineMs: DEADLINE_MS } },
      ...(this.credentials && { credentials: this.credentials }),
    });
    return { client, sessions: createSessionStore({ redis: client.redis }) };
  }

  async #call<T>(work: () => Promise<T>): Promise<{ value: T } | undefined> {
    const began = performance.now();
    this.#calls += 1;
    try {
      return { value: await work() };
    } catch (error) {
      const code = errorCode(error);
      this.#errors[code] = (this.#errors[code] ?? 0) + 1;
      return undefined;
    } finally {
      this.#longest = Math.max(this.#longest, performance.now() - began);
    }
  }

  /** One caller: the same again and again, with a short pause. */
  async #until(work: (now: Process, turn: number) => Promise<unknown>): Promise<void> {
    for (let turn = 1; !this.#stopped; turn += 1) {
      const now = await this.#process;
      await this.#call(() => work(now, turn));
      await sleep(PAUSE_MS);
    }
  }

  #write(key: number): Promise<void> {
    this.#lastWrite.set(key, performance.now());
    return this.#until(async ({ client }, value) => {
      await client.redis.run('work', put, [`work:{ha-${key}}`], [value]);
      const now = performance.now();
      this.#gap = Math.max(this.#gap, now - (this.#lastWrite.get(key) ?? now));
      this.#lastWrite.set(key, now);
    });
  }

  async #read(key: number): Promise<void> {
    const name = `ha:entry:${key}`;
    const source = this.#source.get(key);
    if (source === undefined) return;
    for (let turn = 0; !this.#stopped; turn += 1) {
      const { cache } = (await this.#process).client;
      if (turn % 5 === 0) {
        const value = source.value + 1;
        source.value = value;
        if (await this.#call(() => cache.delete(name))) {
          source.acknowledged = value;
          source.at = performance.now();
        }
      }
      const { acknowledged, at } = source;
      const read = await this.#call(() => cache.get(name, async () => source.value));
      if (read && Number(read.value) < acknowledged) {
        this.#older += 1;
        this.#oldestMs = Math.max(this.#oldestMs, performance.now() - at);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #browse(user: number): Promise<void> {
    const cookie = { originalMaxAge: 60_000, path: '/' };
    for (let visit = 0; !this.#stopped; visit += 1) {
      const { sessions } = await this.#process;
      const sid = `ha-${user}-${visit % 20}`;
      await this.#call(() => sessions.set(sid, { cookie, visit } as never));
      await this.#call(() => sessions.get(sid));
      await sleep(PAUSE_MS);
    }
  }
}

async function end({ client, sessions }: Process): Promise<void> {
  sessions.close();
  await client.close();
}
