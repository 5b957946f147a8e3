import type { Copy } from '../local/local-layer';
import { contentOf, type ReadContext } from './entry-read';

/**
 * While Redis is unavailable, a read takes a local copy, however old; else it loads from the source without a lease;
 * else it rejects with the error of Redis. The option `whenRedisIsAway` can forbid each step.
 */
export function copyWithoutRedis(context: ReadContext, key: string, strict: boolean): Pick<Copy, 'value'> | undefined {
  const { local, whenUnavailable } = context;
  // A strict read must know the tag generations, which are in Redis.
  if (strict || local === undefined || whenUnavailable === 'fail') return undefined;
  const copy = local.getWithoutRedis(key, whenUnavailable === 'stale');
  if (copy === undefined) return undefined;
  const content = contentOf(context, key, copy);
  if (content !== undefined) copy.keyPolicy.counters.stale += 1;
  return content;
}

export const mayLoadWithoutRedis = ({ whenUnavailable }: ReadContext): boolean => whenUnavailable === 'load';
