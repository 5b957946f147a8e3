/** Names to addresses, and `address:port` to a port on the loopback. */
export interface NetworkTable {
  readonly addresses: Readonly<Record<string, string>>;
  readonly routes: Readonly<Record<string, number>>;
}

/** Puts the table's network in place of this process' own; the result puts the real one back. */
export function installNetwork(table: NetworkTable): () => void;
