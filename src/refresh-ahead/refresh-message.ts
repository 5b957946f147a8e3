import { toMessageBody } from '../storage/queues';

/**
 * A message of the planner: keys of one entity, each with the end of its entry's life. No field has a name that the
 * functions host uses for its own metadata (`id`, `dequeueCount`, ...).
 */
export interface RefreshMessage {
  readonly format: 1;
  readonly entity: string;
  readonly keys: readonly (readonly [key: string, expiresAt: number])[];
}

/** Keys of one message: one bulk load. */
export const MESSAGE_KEYS = 50;

export const encodeRefresh = (message: RefreshMessage): string => toMessageBody(JSON.stringify(message));

/** Undefined if it is not a refresh message of a format that this version knows. */
export function decodeRefresh(given: unknown): RefreshMessage | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { format, entity, keys } = given as Partial<Record<keyof RefreshMessage, unknown>>;
  if (format !== 1 || typeof entity !== 'string' || !Array.isArray(keys)) return undefined;
  const wellFormed = keys.every(
    (one) =>
      Array.isArray(one) && typeof one[0] === 'string' && one[0].startsWith(`${entity}:`) && typeof one[1] === 'number',
  );
  return wellFormed ? { format, entity, keys: keys as [string, number][] } : undefined;
}
