import deadlinePrelude from './deadline.lua';

/** A Lua script and what is known of it. The file's header lists its KEYS, ARGV and result. */
export interface Script<_Result = unknown> {
  /** Name of the file without `.lua`: also the command's name in ioredis and in metrics. */
  readonly name: string;
  readonly keys: number;
  readonly lua: string;
  /** A writing script gets its deadline (server time in ms) as ARGV[1]; its own arguments begin at ARGV[2]. */
  readonly writes: boolean;
  /**
   * Carried out twice it does no harm, even where the first comes after the second and after what its caller does next.
   * Only then is it sent again, within its deadline, when the connection broke with its outcome unknown. One that
   * doesn't write always is. Default: false.
   */
  readonly repeatable: boolean;
}

/**
 * Declares a script. A writing one is given the deadline prelude, which refuses late calls and leaves `now_us`, the
 * server's time in microseconds, to the script.
 */
export function defineScript<Result>(
  name: string,
  definition: { readonly keys: number; readonly lua: string; readonly writes: boolean; readonly repeatable?: boolean },
): Script<Result> {
  const { keys, lua, writes, repeatable = !writes } = definition;
  return { name, keys, writes, repeatable, lua: writes ? `${deadlinePrelude}\n${lua}` : lua };
}
