import { defineScript } from '../../redis/scripts/script';
import acquireLua from './lua/acquire-2.lua';
import advanceGenerationLua from './lua/advance-generation-1.lua';
import dropLua from './lua/drop-3.lua';
import ensureGenerationLua from './lua/ensure-generation-1.lua';
import entryLua from './lua/entry.lua';
import fillLua from './lua/fill-2.lua';
import putLua from './lua/put-3.lua';
import reclaimLua from './lua/reclaim-1.lua';
import releaseLua from './lua/release-2.lua';
import settleLua from './lua/settle-1.lua';
import supersedeLua from './lua/supersede-3.lua';
import takeVersionLua from './lua/take-version-2.lua';

/** A script that reads or writes an entry. By default it takes two keys: the entry and its lease. */
const onEntry = <Result>(name: string, lua: string, { keys = 2, repeatable = false } = {}) =>
  defineScript<Result>(name, { keys, lua: `${entryLua}\n${lua}`, writes: true, repeatable });

/** Safe to repeat: setting a generation again, or to a later time, only invalidates more. */
const onGeneration = <Result>(name: string, lua: string) =>
  defineScript<Result>(name, { keys: 1, lua, writes: true, repeatable: true });

export type AcquireReply =
  | ['entry', string]
  | ['lease', lease: string, version: string]
  | ['loading', lease: string]
  | ['failed', code: string];

export const acquireScript = onEntry<AcquireReply>('acquire-2', acquireLua);
export const fillScript = onEntry<['filled', string] | ['superseded' | 'older' | 'foreign']>('fill-2', fillLua);
export const releaseScript = onEntry<number>('release-2', releaseLua, { repeatable: true });
export const putScript = onEntry<['stored' | 'kept', string] | ['foreign']>('put-3', putLua, { keys: 3 });
export const takeVersionScript = onEntry<string>('take-version-2', takeVersionLua, { repeatable: true });
/** One key per row: its entry. */
export const settleScript = onEntry<number[]>('settle-1', settleLua, { keys: 1 });
/** Three keys per row: its entry, its lease and its settled mark. */
export const supersedeScript = onEntry<number>('supersede-3', supersedeLua, { keys: 3 });
export const dropScript = onEntry<number>('drop-3', dropLua, { keys: 3, repeatable: true });
export const ensureGenerationScript = onGeneration<string>('ensure-generation-1', ensureGenerationLua);
export const advanceGenerationScript = onGeneration<string>('advance-generation-1', advanceGenerationLua);
/** One key, the entry: the lease may belong to a process that loads the entry again. */
export const reclaimScript = onEntry<number>('reclaim-1', reclaimLua, { keys: 1 });
