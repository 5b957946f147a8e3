import { createHash } from 'node:crypto';
import { fillOf, type Mark } from './entities';
import type { Said } from './web';

/** A row of the database: what it is, and a digest of its filling. */
export interface StoredWrite {
  readonly key: string;
  readonly version: string;
  readonly mark: Mark | null;
  readonly fill: string | null;
}

export const digest = (text: string): string => createHash('md5').update(text).digest('hex');
export const sameMark = (a: Mark | null, b: Mark | null): boolean =>
  a === b || (a !== null && b !== null && a.by === b.by && a.n === b.n && a.size === b.size);

export interface PutAside {
  readonly key: string;
  readonly version: string;
  readonly reason: string;
}

/** What must hold, whatever was killed: kept outside all processes that may be. */
export class Model {
  readonly #attempts = new Map<string, Map<string, Mark | null>>();
  /** By key: the newest acknowledged write that the database takes, and all acknowledged that it refuses. */
  readonly #good = new Map<string, string>();
  readonly #bad: { readonly key: string; readonly version: string }[] = [];
  readonly counts = { attempts: 0, large: 0, acknowledged: 0, unknown: 0, refused: 0 };
  /** Faults of the product, in words. */
  readonly findings: string[] = [];

  say(said: Said): void {
    if (said.what === 'odd') {
      this.findings.push(`a web process got ${said.error}`);
      return;
    }
    const { what, key, version, mark, code } = said;
    if (what === 'attempt') {
      this.counts.attempts++;
      if (mark && mark.size > 40_000) this.counts.large++;
      const known = this.#attempts.get(key) ?? new Map<string, Mark | null>();
      this.#attempts.set(key, known.set(version, mark));
    } else if (what === 'acknowledged') {
      this.counts.acknowledged++;
      if (mark?.bad) this.#bad.push({ key, version });
      else if (version > (this.#good.get(key) ?? '')) this.#good.set(key, version);
    } else if (code === 'E_WRITE_UNKNOWN') this.counts.unknown++;
    else this.counts.refused++;
  }

  get keys(): readonly string[] {
    return [...this.#attempts.keys()];
  }

  /**
   * At the end: every acknowledged write, or a newer one of its key, is in the database, or it is a dead letter; and
   * what is in the database was written, to the letter.
   */
  judge(rows: readonly StoredWrite[], letters: readonly PutAside[]): { readonly lost: number } {
    const stored = new Map(rows.map((row) => [row.key, row.version]));
    const aside = new Set(letters.map(({ key, version }) => `${key} ${version}`));
    const good = [...this.#good].map(([key, version]) => ({ key, version }));
    const lost = [...good, ...this.#bad].filter(
      ({ key, version }) => !aside.has(`${key} ${version}`) && (stored.get(key) ?? '') < version,
    );
    for (const { key, version } of lost) {
      this.findings.push(`${key}: acknowledged ${version}, stored ${stored.get(key) ?? 'nothing'}`);
    }
    for (const { key, version, mark, fill } of rows) {
      const written = this.#attempts.get(key)?.get(version);
      const isIt =
        written !== undefined && sameMark(written, mark) && (written === null || digest(fillOf(written)) === fill);
      if (!isIt) this.findings.push(`${key}: stored ${JSON.stringify(mark)} as ${version}, which nobody wrote`);
    }
    for (const { key, version, reason } of letters) {
      // A message whose invocations were killed again and again is a dead letter by right; nothing else is.
      const isRight = reason === 'poison' || (reason === 'refused' && this.#attempts.get(key)?.get(version)?.bad);
      if (!isRight) this.findings.push(`${key}: dead letter of ${version}, reason ${reason}`);
    }
    return { lost: lost.length };
  }
}
