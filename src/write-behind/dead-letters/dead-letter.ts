import type { Version } from '../../entities/version';

/**
 * Why a write was put aside. `refused`: the store can never take it. `clock`: its version lies in the future.
 * `claim`: the blob with its value is gone. `entity`, `format`: no deployment that knows it came in time.
 * `undecodable`: it is no journal message. `poison`: invocations were killed on it, again and again.
 */
export type DeadLetterReason = 'refused' | 'clock' | 'claim' | 'entity' | 'format' | 'undecodable' | 'poison';

interface LetterBase {
  readonly reason: DeadLetterReason;
  /** Never holds a value. */
  readonly error: string;
  readonly attempts: number;
}

/** A write, or a whole message that could not be taken apart. */
export type NewDeadLetter =
  | (LetterBase & {
      readonly kind: 'write';
      /** `namespace:entity`. */
      readonly entity: string;
      readonly key: string;
      readonly version: Version;
      readonly acceptedAt: number;
      /** JSON text; null for a delete; undefined where the blob that held it is gone. */
      readonly payload: string | null | undefined;
    })
  | (LetterBase & { readonly kind: 'message'; readonly payload: string });

export interface DeadLetterFacts {
  /** What `show`, `replay` and `discard` are given. */
  readonly letterId: string;
  /** When it was first and last put aside, in ms since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly payloadBytes: number;
}

export type DeadLetter = NewDeadLetter & DeadLetterFacts;
/** Without the payload, which may be large and may be private. */
export type DeadLetterSummary = Omit<Extract<DeadLetter, { kind: 'write' }>, 'payload' | 'kind'> & {
  readonly kind: 'write' | 'message';
};
