import type { Version } from '../../entities/version';

/**
 * Why a write became a dead letter. `refused`: the store will never take it. `clock`: its version is in the future.
 * `claim`: the blob with its value is gone. `entity`, `format`: no deployment that knows it came in time.
 * `undecodable`: it is not a journal message. `poison`: the host killed its invocations again and again.
 */
export type DeadLetterReason = 'refused' | 'clock' | 'claim' | 'entity' | 'format' | 'undecodable' | 'poison';

interface LetterBase {
  readonly reason: DeadLetterReason;
  /** Never contains a value. */
  readonly error: string;
  readonly attempts: number;
}

/** A write, or a whole message that could not be decoded. */
export type NewDeadLetter =
  | (LetterBase & {
      readonly kind: 'write';
      /** `namespace:entity`. */
      readonly entity: string;
      readonly key: string;
      readonly version: Version;
      readonly acceptedAt: number;
      /** JSON text; null for a delete; undefined if its blob is gone. */
      readonly payload: string | null | undefined;
    })
  | (LetterBase & { readonly kind: 'message'; readonly payload: string });

export interface DeadLetterFacts {
  /** The argument of `show`, `replay` and `discard`. */
  readonly letterId: string;
  /** When it first and last became a dead letter, in ms since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly payloadBytes: number;
}

export type DeadLetter = NewDeadLetter & DeadLetterFacts;
/** Without the payload, which may be large or private. */
export type DeadLetterSummary = Omit<Extract<DeadLetter, { kind: 'write' }>, 'payload' | 'kind'> & {
  readonly kind: 'write' | 'message';
};
