import type { Plan } from '../key-policy';
import { Lookup, type LookupContext } from './entry-read';

/** What a batch found of one key. */
export type Found =
  | { readonly kind: 'hit'; readonly value: unknown }
  | { readonly kind: 'miss'; readonly unusable: string | undefined; readonly stale: string | undefined }
  | { readonly kind: 'away'; readonly error: unknown };

/** One key of many, or one that needs a promise anyway: reports what was found. */
export class Find extends Lookup {
  constructor(
    context: LookupContext,
    key: string,
    plan: Plan,
    strict: boolean,
    private readonly report: (found: Found, index: number) => void,
    private readonly index: number,
  ) {
    super(context, key, plan, strict);
  }

  protected override hit(value: unknown): void {
    this.report({ kind: 'hit', value }, this.index);
  }

  protected override miss(unusable: string | undefined, stale: string | undefined): void {
    this.report({ kind: 'miss', unusable, stale }, this.index);
  }

  protected override away(error: unknown): void {
    this.report({ kind: 'away', error }, this.index);
  }
}
