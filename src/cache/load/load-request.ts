import { SECOND } from '../../clock';
import type { Policy } from '../call-options';
import type { Epoch } from '../invalidate/tag-generations';
import type { Plan } from '../key-policy';
import type { Flight } from './in-flight-loads';
import type { Loading } from './load-source';

/** A key that is to be loaded, and all that its load needs. */
export interface Ask {
  readonly key: string;
  readonly plan: Plan;
  readonly policy: Policy;
  /** Encoded tags that the entry will carry. */
  readonly tags: readonly string[];
  /** Epochs of its prefixes and tags. */
  readonly epochs: readonly Epoch[];
  readonly loading: Loading;
  /** The entry that the read found and could not use, as text. */
  unusable: string | undefined;
  /** The same where it may still be served within its grace. */
  stale: string | undefined;
  /** What Redis has cost this caller so far, in ms: its deadline is for all of its commands together. */
  spentMs: number;
}

/** The right to load a key and to store what was loaded. */
export interface Grant {
  readonly ask: Ask;
  readonly flight: Flight;
  /** What stands in Redis: the stamp of the load and a token of its own. */
  readonly lease: string;
  /** For a load whose source has no versions. */
  readonly version: string;
  /** Least stamp that no epoch kills, in ms. */
  readonly least: number;
}

/** Life of an entry in ms: its TTL less a random part of it. */
export function lifeOf(policy: Policy, gone = false): number {
  const seconds = gone ? policy.negativeTtlSeconds : policy.ttlSeconds;
  if (seconds === 0) return 0;
  return Math.max(1, Math.round(seconds * SECOND * (1 - policy.jitter * Math.random())));
}

/** The longest that an entry may be in Redis, in ms. */
export const physicalMs = (policy: Policy): number =>
  Math.round(Math.max(policy.ttlSeconds + policy.graceSeconds, policy.negativeTtlSeconds) * SECOND);
