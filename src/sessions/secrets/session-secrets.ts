/** One version of the secret that signs cookies. */
export interface SessionSecret {
  readonly value: string;
  readonly createdAt: Date;
}

/** Reads the secrets. */
export interface SecretSource {
  /** The valid versions, the newest first. */
  read(): Promise<readonly SessionSecret[]>;
}

/** Reads and changes the secrets. */
export interface SecretVault extends SecretSource {
  /** Adds a new version, which becomes the newest. */
  add(value: string): Promise<void>;
  /** Disables all but the newest `keep` versions. Returns how many were disabled. */
  retire(keep: number): Promise<number>;
}

/**
 * Orders the secrets for express-session: the first signs, all verify. A secret that is younger than `settleMs` only
 * verifies, because other processes may not have read it yet and would reject its cookies.
 */
export function signingOrder(secrets: readonly SessionSecret[], nowMs: number, settleMs: number): string[] {
  const newestFirst = [...secrets].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  const settled = newestFirst.filter(({ createdAt }) => nowMs - createdAt.getTime() >= settleMs);
  const signing = settled[0] ?? newestFirst.at(-1);
  const others = newestFirst.filter((secret) => secret !== signing);
  return [...(signing ? [signing] : []), ...others].map(({ value }) => value);
}
