/** One version of the secret that cookies are signed with. */
export interface SessionSecret {
  readonly value: string;
  readonly createdAt: Date;
}

/** Where the secrets come from. */
export interface SecretSource {
  /** The versions in force, the newest first. */
  read(): Promise<readonly SessionSecret[]>;
}

/** Where secrets are made, too. */
export interface SecretVault extends SecretSource {
  /** Makes a new version; it is the newest from now on. */
  add(value: string): Promise<void>;
  /** Puts all but the newest `keep` versions out of force, and says how many those were. */
  retire(keep: number): Promise<number>;
}

/**
 * In the order express-session takes them: the first signs, all verify. A secret that is younger than `settleMs` only
 * verifies: other processes may not have read it yet, and would take its cookies for forged.
 */
export function signingOrder(secrets: readonly SessionSecret[], nowMs: number, settleMs: number): string[] {
  const newestFirst = [...secrets].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  const settled = newestFirst.filter(({ createdAt }) => nowMs - createdAt.getTime() >= settleMs);
  const signing = settled[0] ?? newestFirst.at(-1);
  const others = newestFirst.filter((secret) => secret !== signing);
  return [...(signing ? [signing] : []), ...others].map(({ value }) => value);
}
