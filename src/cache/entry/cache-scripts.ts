import { defineScript } from '../../redis/scripts/script';
import acquireLua from './lua/acquire-2.lua';
import bumpEpochLua from './lua/advance-generation-1.lua';
import dropLua from './lua/drop-2.lua';
import openEpochLua from './lua/ensure-generation-1.lua';
import entryLua from './lua/entry.lua';
import fillLua from './lua/fill-2.lua';
import putLua from './lua/put-2.lua';
import reclaimLua from './lua/reclaim-1.lua';
import releaseLua from './lua/release-2.lua';
import settleLua from './lua/settle-1.lua';
import supersedeLua from './lua/supersede-2.lua';
import takeVersionLua from './lua/take-version-2.lua';

/** A script on an entry, with its header readable in Lua, and on its lease unless it has one key. */
const onEntry = <Result>(name: string, lua: string, { keys = 2, repeatable = false } = {}) =>
  defineScript<Result>(name, { keys, lua: `${entryLua}\n${lua}`, writes: true, repeatable });

/** A later epoch, or the same again, only makes a miss of more. */
const onEpoch = <Result>(name: string, lua: string) =>
  defineScript<Result>(name, { keys: 1, lua, writes: true, repeatable: true });

export type AcquireReply =
  | ['entry', string]
  | ['lease', lease: string, version: string]
  | ['loading', lease: string]
  | ['failed', code: string];

export const acquireScript = onEntry<AcquireReply>('acquire-2', acquireLua);
export const fillScript = onEntry<['filled', string] | ['superseded' | 'older' | 'foreign']>('fill-2', fillLua);
export const releaseScript = onEntry<number>('release-2', releaseLua, { repeatable: true });
export const putScript = onEntry<['stored' | 'kept', string] | ['foreign']>('put-2', putLua);
export const takeVersionScript = onEntry<string>('take-version-2', takeVersionLua, { repeatable: true });
/** One key a row. */
export const settleScript = onEntry<number[]>('settle-1', settleLua, { keys: 1 });
/** Two keys a row. */
export const supersedeScript = onEntry<number>('supersede-2', supersedeLua);
export const dropScript = onEntry<number>('drop-2', dropLua, { repeatable: true });
export const openEpochScript = onEpoch<string>('open-epoch-1', openEpochLua);
export const bumpEpochScript = onEpoch<string>('bump-epoch-1', bumpEpochLua);
/** One key: it must not touch the lease of who may be loading the entry anew. */
export const reclaimScript = onEntry<number>('reclaim-1', reclaimLua, { keys: 1 });
