import type { Redis } from 'ioredis';
import { type Clock, MINUTE } from '../clock';
import { addressOf } from './connection/nodes';
import { RedisUnavailableError } from './errors';

/** Local time that ignores changes of the wall clock, so that an offset stays valid until it is learnt again. */
export const steadyClock: Clock = { now: () => performance.timeOrigin + performance.now() };

/** An offset is learnt again after this: two clocks may drift apart by some ms a minute. */
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

/** The offsets of the nodes' clocks. Each master has its own clock, and a script checks its deadline by that of its node. */
export class ServerClocks {
  readonly #offsets = new Map<string, Offset>();
  readonly #learning = new Map<string, Promise<void>>();

  constructor(readonly clock: Clock) {}

  /** The node's offset in µs, if it is known and fresh. */
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

  /** The least offset of all known nodes, in µs. */
  earliest(): number {
    return Math.min(...[...this.#offsets.values()].map((offset) => offset.micros));
  }

  doubtAll(): void {
    for (const address of this.#offsets.keys()) this.doubt(address);
  }

  /** The node may be another machine now, or its clock was wrong: its offset is learnt again before the next use. */
  doubt(address: string): void {
    const offset = this.#offsets.get(address);
    if (offset) this.#offsets.set(address, { ...offset, doubted: true });
  }

  /** Sends TIME a few times and keeps the answer of the shortest round trip. Concurrent callers share it. */
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

  /** The latest of the nodes' times, and how far any node may be from it. Undefined while no node is known. */
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
