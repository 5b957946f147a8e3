import type { Logger } from '../logger';
import { Gate } from './circuit-breaker';
import { slotAddress } from './connection/nodes';
import { slotOf } from './slot';
import type { RedisHandle } from './types';

export interface GatesOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  /** What a probe waits for, in ms. */
  readonly deadlineMs: number;
}

/** A breaker a node: of a cluster with a dead master, the others are asked as ever. */
export class Gates {
  readonly #gates = new Map<string, Gate>();
  /** Of the one server; on a cluster, of what no known master is asked for. */
  readonly whole: Gate;

  constructor(private readonly options: GatesOptions) {
    const { redis } = options;
    this.whole = this.#make('', () =>
      redis.mode === 'cluster' ? redis.nodes('masters') : this.#within(redis.client('cache').ping()),
    );
  }

  /** Of the master at `host:port`; undefined is one that is not known. */
  of(address: string | undefined): Gate {
    if (address === undefined) return this.whole;
    return this.#gates.get(address) ?? this.#make(address, () => this.#probe(address));
  }

  /** Of the node that has the key, as far as this process knows. */
  ofKey(physical: string): Gate {
    const { redis } = this.options;
    if (redis.mode !== 'cluster') return this.whole;
    return this.of(slotAddress(redis.client('cache'), slotOf(physical)));
  }

  /** Whether any node is away. */
  get isOpen(): boolean {
    for (const gate of this.#gates.values()) if (gate.isOpen) return true;
    return false;
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close();
  }

  #make(address: string, probe: () => Promise<unknown>): Gate {
    const gate = new Gate(address, this.options.logger, probe);
    this.#gates.set(address, gate);
    return gate;
  }

  /** Reads the map of slots afresh, and so learns who follows a lost master; then nobody asks the lost one any more. */
  async #probe(address: string): Promise<void> {
    const masters = await this.options.redis.nodes('masters');
    const node = masters.find((each) => each.address === address);
    if (node !== undefined) await this.#within(node.client.ping());
  }

  #within<T>(command: Promise<T>): Promise<T> {
    return this.options.redis.within(command, { deadlineMs: this.options.deadlineMs });
  }
}

/** The same handle with the breakers before its scripts. What callers send by themselves they run through a gate. */
export function guarded(redis: RedisHandle, gates: Gates): RedisHandle {
  return {
    mode: redis.mode,
    events: redis.events,
    client: (store) => redis.client(store),
    dedicated: (store, purpose) => redis.dedicated(store, purpose),
    ready: (timeoutMs) => redis.ready(timeoutMs),
    run: (store, script, keys, ...rest) =>
      gates.ofKey(keys[0] ?? '').run(() => redis.run(store, script, keys, ...rest)),
    within: (command, options) => redis.within(command, options),
    nodes: (which, store) => gates.whole.run(() => redis.nodes(which, store)),
    serverMicros: () => redis.serverMicros(),
    close: () => redis.close(),
  };
}
