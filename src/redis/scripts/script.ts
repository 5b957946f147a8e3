import deadlinePrelude from './deadline.lua';

/** A Lua script. The header of its file lists KEYS, ARGV and result. */
export interface Script<_Result = unknown> {
  /** Name of the file without `.lua`. */
  readonly name: string;
  readonly keys: number;
  readonly lua: string;
  /** A writing script gets its deadline (server time in ms) as ARGV[1]; its own arguments begin at ARGV[2]. */
  readonly writes: boolean;
  /**
   * Running it twice does no harm, even if the first run comes after the second and after the caller's next command. Only
   * such a script is sent again, within its deadline, if the connection broke with its outcome unknown. Default: true for
   * a script that only reads, false for one that writes.
   */
  readonly repeatable: boolean;
}

/**
 * Declares a script. A writing one begins with the deadline prelude, which refuses late calls and sets `now_us`, the
 * server's time in microseconds.
 */
export function defineScript<Result>(
  name: string,
  definition: { readonly keys: number; readonly lua: string; readonly writes: boolean; readonly repeatable?: boolean },
): Script<Result> {
  const { keys, lua, writes, repeatable = !writes } = definition;
  return { name, keys, writes, repeatable, lua: writes ? `${deadlinePrelude}\n${lua}` : lua };
}
