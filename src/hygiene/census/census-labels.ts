/**
 * The group of a key: `namespace:entity` of a cached entry, `sessions`, and the first part of a key of anybody else's.
 * Bounded in length and in alphabet, so that it can be a label. The same is said in lua/census-page.lua.
 */
export function labelOf(key: string, sessionPrefix: string): string {
  if (key.startsWith('cache:{')) {
    const match = /^cache:\{([^}]*)\}([\s\S]*)$/.exec(key);
    const inner = match?.[1];
    if (inner === undefined) return OTHER;
    if (match?.[2] !== '') return 'cache companions';
    const name = /^[^:]*:[^:]*/.exec(inner)?.[0] ?? inner;
    return name.length > MAX_LABEL || /[^\w.:%-]/.test(name) ? OTHER : name;
  }
  if (key.startsWith('cache:epoch:')) return 'cache epochs';
  if (sessionPrefix !== '' && key.startsWith(sessionPrefix)) {
    return key.startsWith('user:{', sessionPrefix.length) ? 'session users' : 'sessions';
  }
  const first = /^([\w.-]+):/.exec(key)?.[1];
  return first && first.length <= MAX_LABEL ? `${first}:` : OTHER;
}

const MAX_LABEL = 60;
/** Of keys without a namespace, or with one that is no plain text. */
export const OTHER = '(other)';
/** Of keys that the server counts and doesn't let us look at: another team's, where our user has an ACL. */
export const NO_ACCESS = '(no access)';
/** Of groups beyond the largest. */
export const OVERFLOW = '(overflow)';
