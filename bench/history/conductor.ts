import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Act, type Answer, acts, type History, type Question, type Round, type WorkerConfig } from './plan';

export interface ConductorOptions extends Omit<WorkerConfig, 'process'> {
  /** A script that runs `historyWorker`. */
  readonly script: string;
  readonly processes: number;
}

export interface RoundOptions extends Omit<Round, 'acts'> {
  /** Of all processes together. */
  readonly operations: number;
  /** Default: all. */
  readonly acts?: readonly Act[];
}

interface Turn {
  readonly exclusive: boolean;
  readonly keys: readonly string[];
  readonly begin: () => void;
}

/**
 * The processes of a history, their source and their turns. A `set` has its keys to itself: of two writers the later
 * one wins whatever the source says (docs/guarantees.md); all else runs side by side.
 */
export class Conductor {
  readonly #children: ChildProcess[] = [];
  readonly #source = new Map<string, number>();
  readonly #running = new Map<string, Turn>();
  #waiting: { readonly name: string; readonly turn: Turn }[] = [];

  static async start(options: ConductorOptions): Promise<Conductor> {
    const conductor = new Conductor();
    const { script, processes, ...rest } = options;
    try {
      for (let process = 0; process < processes; process += 1) {
        await conductor.#fork(script, { ...rest, process });
      }
      return conductor;
    } catch (error) {
      await conductor.stop();
      throw error;
    }
  }

  /** What the source has now. */
  get source(): ReadonlyMap<string, number> {
    return this.#source;
  }

  /** One round in all processes at once, to its end. */
  async round(options: RoundOptions): Promise<History> {
    const operations = Math.ceil(options.operations / this.#children.length);
    const parts = await Promise.all(
      this.#children.map(async (child, index) => {
        const history = historyOf(child);
        const seed = options.seed + index * 7_919;
        send(child, { round: { acts, ...options, operations, seed } });
        return history;
      }),
    );
    const errors: Record<string, number> = {};
    for (const part of parts) {
      for (const [code, count] of Object.entries(part.errors)) errors[code] = (errors[code] ?? 0) + count;
    }
    return {
      reads: parts.flatMap(({ reads }) => reads),
      writes: parts.flatMap(({ writes }) => writes),
      loads: parts.reduce((sum, { loads }) => sum + loads, 0),
      errors,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }

  async #fork(script: string, config: WorkerConfig): Promise<void> {
    const child = fork(script, [], { execArgv: [], env: { ...process.env, HISTORY: JSON.stringify(config) } });
    this.#children.push(child);
    const ready = Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('a process of the history ended at its start'))),
    ]);
    child.on('message', (question: Question) => this.#asked(child, config.process, question));
    await ready;
  }

  #asked(child: ChildProcess, number: number, question: Question): void {
    if ('load' in question) {
      send(child, { id: question.id, values: [this.#source.get(question.load) ?? 0] });
    } else if ('turn' in question) {
      const { id, turn: act, keys } = question;
      const begin = () => send(child, { id, values: keys.map((key) => this.#next(key)) });
      this.#waiting.push({ name: `${number}.${id}`, turn: { exclusive: act === 'set', keys, begin } });
      this.#begin();
    } else if ('end' in question) {
      this.#running.delete(`${number}.${question.end}`);
      this.#begin();
    }
  }

  #next(key: string): number {
    const value = (this.#source.get(key) ?? 0) + 1;
    this.#source.set(key, value);
    return value;
  }

  /** Starts each turn that conflicts with no running one and with none that has waited longer. */
  #begin(): void {
    const ahead = [...this.#running.values()];
    this.#waiting = this.#waiting.filter(({ name, turn }) => {
      const waits = ahead.some((other) => conflict(turn, other));
      ahead.push(turn);
      if (waits) return true;
      this.#running.set(name, turn);
      turn.begin();
      return false;
    });
  }
}

const conflict = (one: Turn, other: Turn): boolean =>
  (one.exclusive || other.exclusive) && one.keys.some((key) => other.keys.includes(key));

const send = (child: ChildProcess, answer: Answer): void => void child.send(answer);

function historyOf(child: ChildProcess): Promise<History> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('a process of the history ended during a round'));
    const answer = (question: Question) => {
      if (!('history' in question)) return;
      child.off('message', answer);
      child.off('exit', ended);
      resolve(question.history);
    };
    child.on('message', answer);
    child.once('exit', ended);
  });
}
