import type { Redis } from 'ioredis';
import type { Clock } from '../clock';
import { MINUTE } from '../clock';
import { addressOf } from './connection/nodes';
import { RedisUnavailableError } from './errors';

/** Local time that no change of the wall clock moves, so that an offset stays true until it is learnt again. */
export const steadyClock: Clock = { now: () => performance.timeOrigin + performance.now() };

/** Learnt again after this: two clocks may drift apart by some ms a minute. */
const FRESH_MS = MINUTE;
/** A sample this good ends the sampling. */
const GOOD_MICROS = 1_000;
const SAMPLES = 3;
/** How far clocks are trusted to drift apart: 200 µs a second, the usual bound of a crystal and its discipline. */
const DRIFT = 200e-6;

interface Offset {
  /** Server time minus local time. */
  readonly micros: number;
  /** Half the best round trip. */
  readonly uncertainty: number;
  readonly learntAt: number;
  readonly doubted: boolean;
}

/**
 * What is known of the nodes' clocks. Each master has its own: a deadline is only meant in the time of the node that
 * runs the script.
 */
export class ServerClocks {
  readonly #offsets = new Map<string, Offset>();
  readonly #learning = new Map<string, Promise<void>>();

  constructor(readonly clock: Clock) {}

  /** The node's offset, if it is known and still fresh; in µs. */
  known(address: string): { readonly micros: number; readonly uncertainty: number } | undefined {
    const offset = this.#offsets.get(address);
    if (offset === undefined || offset.doubted) return undefined;
    return this.clock.now() - offset.learntAt < FRESH_MS ? offset : undefined;
  }

  /** The node's offset, learnt first unless it is known. */
  async of(node: Redis): Promise<{ readonly micros: number; readonly uncertainty: number }> {
    const address = addressOf(node);
    if (this.known(address) === undefined) await this.learn(address, node);
    const offset = this.known(address);
    if (offset === undefined) throw new RedisUnavailableError(`${address} did not answer TIME`);
    return offset;
  }

  /** The least offset of all nodes ever asked, in µs. */
  earliest(): number {
    return Math.min(...[...this.#offsets.values()].map((offset) => offset.micros));
  }

  doubtAll(): void {
    for (const address of this.#offsets.keys()) this.doubt(address);
  }

  /** The node may be another machine now, or its clock has been seen to be off: learn before the next use. */
  doubt(address: string): void {
    const offset = this.#offsets.get(address);
    if (offset) this.#offsets.set(address, { ...offset, doubted: true });
  }

  /** Asks the node for its TIME, a few times, and keeps the answer of the shortest round trip. Callers share it. */
  learn(address: string, node: Redis): Promise<void> {
    let learning = this.#learning.get(address);
    if (learning === undefined) {
      learning = this.#sample(address, node).finally(() => this.#learning.delete(address));
      this.#learning.set(address, learning);
    }
    return learning;
  }

  async #sample(address: string, node: Redis): Promise<void> {
    let best: Offset | undefined;
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const before = this.clock.now();
      const [seconds, micros] = await node.time();
      const after = this.clock.now();
      const offset = {
        micros: Math.round(Number(seconds) * 1e6 + Number(micros) - ((before + after) / 2) * 1e3),
        uncertainty: Math.ceil(((after - before) / 2) * 1e3),
        learntAt: after,
        doubted: false,
      };
      if (best === undefined || offset.uncertainty < best.uncertainty) best = offset;
      if (best.uncertainty <= GOOD_MICROS) break;
    }
    if (best) this.#offsets.set(address, best);
  }

  /** The latest of the nodes' times, and how far any node may be from it. Undefined until one has been asked. */
  now(): { readonly micros: number; readonly uncertaintyMicros: number } | undefined {
    if (this.#offsets.size === 0) return undefined;
    const local = this.clock.now();
    let [latest, earliest, own] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
    for (const { micros, uncertainty, learntAt } of this.#offsets.values()) {
      latest = Math.max(latest, micros);
      earliest = Math.min(earliest, micros);
      own = Math.max(own, uncertainty + Math.max(0, local - learntAt) * 1e3 * DRIFT);
    }
    return { micros: Math.round(local * 1e3 + latest), uncertaintyMicros: Math.ceil(latest - earliest + own) };
  }
}
