import { defineScript } from '../../redis/scripts/script';
import clearText from '../lua/clear.lua';
import enterText from '../lua/enter.lua';
import moveText from '../lua/move.lua';
import putText from '../lua/put.lua';
import recordText from '../lua/record.lua';
import renewGenerationText from '../lua/renew-generation.lua';
import retireText from '../lua/retire.lua';
import saveText from '../lua/save.lua';
import settleText from '../lua/settle.lua';
import takeForeignText from '../lua/take-foreign.lua';
import touchText from '../lua/touch.lua';

export type PutReply = ['saved', version: string, created: string, ends: string, authenticated: string] | ['gone'];
export type SaveReply =
  | ['saved', version: string, ends: string]
  | ['gone']
  | ['conflict', record: string]
  | ['retired', record: string]
  | ['pending'];
export type TakeReply = ['taken'] | ['gone'] | ['conflict', record: string];
export type EnterReply = ['revoked'] | ['ok', generation: string, authenticated: string, ...evicted: string[]];

const onRecord = <Result>(name: string, text: string, { repeatable = false } = {}) =>
  defineScript<Result>(name, { keys: 1, lua: `${recordText}\n${text}`, writes: true, repeatable });

export const put = onRecord<PutReply>('put', putText);
/** A repeat conflicts with itself, and the merge then finds nothing to change. */
export const save = onRecord<SaveReply>('save', saveText, { repeatable: true });
export const touch = onRecord<0 | 1>('touch', touchText, { repeatable: true });
export const retire = onRecord<string>('retire', retireText);
export const renewGeneration = onRecord<0 | 1>('renew-generation', renewGenerationText);
export const move = onRecord<0 | 1>('move', moveText);
export const settle = onRecord<0 | 1>('settle', settleText);
export const takeForeign = defineScript<TakeReply>('take-foreign', { keys: 1, lua: takeForeignText, writes: true });
export const enter = defineScript<EnterReply>('enter', { keys: 2, lua: enterText, writes: true });
export const clear = defineScript<0 | 1>('clear', { keys: 1, lua: clearText, writes: true });
