import { classify } from '../entry/entry-format';
import type { Plan } from '../key-policy';
import type { LookupContext } from './entry-read';
import { Find } from './find';

/** Hands out the entry as it is, dead or alive, where it is one of ours. */
export class Peek extends Find {
  constructor(
    context: LookupContext,
    key: string,
    plan: Plan,
    private readonly found: (raw: string | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    super(
      context,
      key,
      plan,
      false,
      (one) => {
        if (one.kind === 'away') reject(one.error);
      },
      0,
    );
  }

  override answered(raw: string | null): void {
    this.found(raw !== null && classify(raw) === 'ours' ? raw : undefined);
  }
}
