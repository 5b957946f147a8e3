import type { Said } from './child';
import type { Written } from './entities';

export interface StoredWrite {
  readonly key: string;
  readonly version: string;
  readonly value: Written | null;
}

/** What must hold, whatever was killed: kept outside all processes that may be. */
export class Model {
  readonly #attempts = new Map<string, Map<string, Written | null>>();
  readonly #acknowledged = new Map<string, string>();
  readonly #seen = new Map<string, string>();
  readonly counts = { attempts: 0, acknowledged: 0, unknown: 0, refused: 0 };
  /** Faults of the product, in words. */
  readonly findings: string[] = [];

  say({ what, key, version, value, code }: Said): void {
    if (what === 'attempt') {
      this.counts.attempts++;
      const known = this.#attempts.get(key) ?? new Map<string, Written | null>();
      this.#attempts.set(key, known.set(version, value));
    } else if (what === 'acknowledged') {
      this.counts.acknowledged++;
      if (version > (this.#acknowledged.get(key) ?? '')) this.#acknowledged.set(key, version);
    } else if (code === 'E_WRITE_REFUSED') this.counts.refused++;
    else this.counts.unknown++;
  }

  /** A look at the database at any time: no key may have gone back. */
  look(rows: readonly StoredWrite[]): void {
    for (const { key, version } of rows) {
      const before = this.#seen.get(key) ?? '';
      if (version < before) this.findings.push(`${key} went back from ${before} to ${version}`);
      this.#seen.set(key, version);
    }
  }

  /** At the end: every acknowledged write, or a newer one of its key, is there, and is what was written. */
  judge(rows: readonly StoredWrite[]): { lost: number } {
    const stored = new Map(rows.map((row) => [row.key, row]));
    let lost = 0;
    for (const [key, version] of this.#acknowledged) {
      const row = stored.get(key);
      if (!row || row.version < version) {
        lost++;
        this.findings.push(`${key}: acknowledged ${version}, stored ${row?.version ?? 'nothing'}`);
      }
    }
    for (const { key, version, value } of rows) {
      const written = this.#attempts.get(key)?.get(version);
      if (written === undefined) this.findings.push(`${key}: stored ${version}, which nobody wrote`);
      else if (JSON.stringify(sorted(written)) !== JSON.stringify(sorted(value))) {
        this.findings.push(
          `${key}: stored ${JSON.stringify(value)} as ${version}, written was ${JSON.stringify(written)}`,
        );
      }
    }
    return { lost };
  }
}

const sorted = (value: Written | null) => value && { by: value.by, n: value.n };
