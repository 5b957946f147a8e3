import { SECOND } from '../../clock';
import type { ResolvedOptions } from '../call-options';
import type { TagGeneration, TagGenerations } from '../invalidate/tag-generations';
import { type KeyPolicy, prefixGenerations, tagsFor } from '../key-policy';
import type { InFlightLoad } from './in-flight-loads';
import type { LoadMany } from './load-source';

/** One key that must be loaded, with everything its load needs. */
export interface LoadRequest {
  readonly key: string;
  readonly keyPolicy: KeyPolicy;
  readonly options: ResolvedOptions;
  /** Encoded tags of the entry to be stored. */
  readonly tags: readonly string[];
  /** Generations of its prefixes and tags. */
  readonly generations: readonly TagGeneration[];
  readonly loadMany: LoadMany;
  /** The text of the entry that the read found and could not use. */
  unusable: string | undefined;
  /** The same entry, if it may be served within its grace. */
  stale: string | undefined;
  /** Time this caller has spent on Redis, in ms. One deadline covers all its commands. */
  spentMs: number;
}

/** The lease of a key: the right to load it and to store the loaded value. */
export interface Grant {
  readonly request: LoadRequest;
  readonly inFlight: InFlightLoad;
  /** What Redis holds: the createdAt of the load, and a token of its own. */
  readonly lease: string;
  /** For a source without versions. */
  readonly version: string;
  /** The smallest createdAt that no tag generation invalidates, in ms. */
  readonly minCreatedAtMs: number;
}

/** Adds the tags and generations of the new entry. Throws `E_CACHE_INPUT` if a tag is invalid. */
export function createLoadRequest(
  known: Omit<LoadRequest, 'tags' | 'generations'>,
  callTags: readonly string[] | undefined,
  generations: TagGenerations,
): LoadRequest {
  const { key, keyPolicy } = known;
  const tags = tagsFor(keyPolicy, key, callTags);
  const all = [...prefixGenerations(keyPolicy, key), ...tags.map((tag) => generations.ofTag(tag))];
  return { ...known, tags, generations: all };
}

/** Life of a new entry in ms: its TTL less a random part of it. `gone`: the entry says that there is no such value. */
export function lifeOf(options: ResolvedOptions, gone = false): number {
  const seconds = gone ? options.negativeTtlSeconds : options.ttlSeconds;
  if (seconds === 0) return 0;
  return Math.max(1, Math.round(seconds * SECOND * (1 - options.jitter * Math.random())));
}

/** The longest time that an entry may be in Redis, in ms. */
export const physicalMs = (options: ResolvedOptions): number =>
  Math.round(Math.max(options.ttlSeconds + options.graceSeconds, options.negativeTtlSeconds) * SECOND);
