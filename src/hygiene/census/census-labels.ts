/**
 * The group of a key: `namespace:entity` of a cached entry, `sessions`, or the first part of any other key. It is
 * bounded in length and in alphabet, so that it can be a label. census-batch.lua decides the same.
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
/** Keys without a namespace, or with one that is not plain text. */
export const OTHER = '(other)';
/** Keys that the ACL of our user hides: the server counts them, but does not let us read them. */
export const NO_ACCESS = '(no access)';
/** The groups beyond the largest, together. */
export const OVERFLOW = '(overflow)';
