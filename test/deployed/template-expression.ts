/** What an expression of a template may refer to. */
export interface Scope {
  /** A property of a deployed resource: `reference(id, version).primaryEndpoints.blob`. */
  reference(id: string, path: readonly string[]): string;
  parameter(name: string): string;
}

type Token = { readonly kind: 'text' | 'number' | 'name' | 'sign'; readonly value: string };

/**
 * The value of an app setting as Resource Manager sets it: a text as it stands, or an expression in brackets. It knows
 * the functions that the template's settings use, and throws on any other.
 */
export function evaluate(text: string, scope: Scope): string {
  if (!text.startsWith('[') || text.startsWith('[[')) return text;
  const tokens = tokensOf(text.slice(1, -1));
  const value = expression(tokens, scope);
  if (tokens.length > 0) throw new Error(`Expected the end of ${text}, got "${tokens[0]?.value}"`);
  return value;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const found of text.matchAll(/'((?:[^']|'')*)'|(\d+)|(\w+)|([(),.])|\s+|(.)/g)) {
    const [, quoted, number, name, sign, other] = found;
    if (other !== undefined) throw new Error(`Expected an expression, got "${other}" in ${text}`);
    if (quoted !== undefined) tokens.push({ kind: 'text', value: quoted.replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: 'number', value: number });
    else if (name !== undefined) tokens.push({ kind: 'name', value: name });
    else if (sign !== undefined) tokens.push({ kind: 'sign', value: sign });
  }
  return tokens;
}

function expression(tokens: Token[], scope: Scope): string {
  const first = tokens.shift();
  if (first?.kind === 'text' || first?.kind === 'number') return first.value;
  if (first?.kind !== 'name' || tokens.shift()?.value !== '(') throw new Error('Expected a value or a call');
  const comes = (sign: string) => tokens[0]?.value === sign;
  const given: string[] = [];
  while (!comes(')')) {
    given.push(expression(tokens, scope));
    if (comes(',')) tokens.shift();
    else if (!comes(')')) throw new Error(`Expected "," or ")" in a call of ${first.value}`);
  }
  tokens.shift();
  const path: string[] = [];
  while (comes('.')) {
    tokens.shift();
    path.push(tokens.shift()?.value ?? '');
  }
  return call(first.value, given, path, scope);
}

function call(name: string, given: readonly string[], path: readonly string[], scope: Scope): string {
  const [first = ''] = given;
  if (name === 'reference' && path.length > 0) return scope.reference(first, path);
  if (name === 'parameters' && path.length === 0) return scope.parameter(first);
  if (name === 'format' && path.length === 0) {
    return first.replace(/\{(\d+)\}/g, (_, index: string) => given[Number(index) + 1] ?? '');
  }
  throw new Error(`Expected reference, parameters or format, got ${name}`);
}
