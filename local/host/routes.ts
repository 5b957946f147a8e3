export interface Route {
  /** Fewer parameters and optional parts go first, so that `a/b` wins over `a/{x}`. */
  readonly rank: number;
  /** The parameters, or undefined if the path is another's. */
  match(path: string): Readonly<Record<string, string>> | undefined;
}

/** Types that a parameter may be bound to, and what they take. */
const CONSTRAINTS: Readonly<Record<string, string>> = {
  int: '-?\\d+',
  long: '-?\\d+',
  guid: '[0-9a-fA-F-]{36}',
  alpha: '[A-Za-z]+',
  bool: '[Tt]rue|[Ff]alse',
};

/** Reads a route template: `a/{b}/{c?}`, `{d:int}`, `{*rest}`. Throws on a constraint it doesn't know. */
export function parseRoute(template: string): Route {
  const names: string[] = [];
  let pattern = '';
  for (const segment of template.split('/').filter(Boolean)) {
    const parameter = /^\{(\*?)([A-Za-z_]\w*)(?::(\w+))?(\?)?\}$/.exec(segment);
    if (!parameter) {
      pattern += `/${segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;
      continue;
    }
    const [, rest, name = '', constraint, optional] = parameter;
    const accepts = constraint === undefined ? '[^/]+' : CONSTRAINTS[constraint];
    if (accepts === undefined)
      throw new Error(`This host knows no route constraint "${constraint}" (in "${template}")`);
    names.push(name);
    if (rest) pattern += '(?:/(.*))?';
    else pattern += optional ? `(?:/(${accepts}))?` : `/(${accepts})`;
  }
  const whole = new RegExp(`^${pattern || '/'}/?$`, 'i');
  return {
    rank: names.length,
    match(path) {
      const found = whole.exec(path);
      if (!found) return undefined;
      const values = names.map((name, index) => [name, found[index + 1]] as const);
      return Object.fromEntries(
        values.flatMap(([name, value]) => (value === undefined ? [] : [[name, decodeURIComponent(value)]])),
      );
    },
  };
}
