import deadlinePrelude from './lua/deadline.lua';

/** A Lua script and what is known of it. The file's header lists its KEYS, ARGV and result. */
export interface Script<_Result = unknown> {
  /** Name of the file without `.lua`: also the command's name in ioredis and in metrics. */
  readonly name: string;
  readonly keys: number;
  readonly lua: string;
  /** A writing script gets its deadline (server time in ms) as ARGV[1]; its own arguments begin at ARGV[2]. */
  readonly writes: boolean;
}

/**
 * Declares a script. A writing one is given the deadline prelude, which refuses late calls and leaves `now_us`, the
 * server's time in microseconds, to the script.
 */
export function defineScript<Result>(
  name: string,
  definition: { readonly keys: number; readonly lua: string; readonly writes: boolean },
): Script<Result> {
  const { keys, lua, writes } = definition;
  return { name, keys, writes, lua: writes ? `${deadlinePrelude}\n${lua}` : lua };
}
