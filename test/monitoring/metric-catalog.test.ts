import { globSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import ts from 'typescript';
import { metricName } from '../../src/monitoring/collect/app-reading';
import { catalog } from '../../src/monitoring/metrics/metric-catalog';

/** Every metric that the program emits must be in the catalog: the docs, the rules and the kind come from there. */

interface Emitted {
  readonly metric: string;
  readonly labels: readonly string[];
  readonly kind: 'counter' | 'gauge';
  readonly at: string;
}

/** What the code passes to `Counters` and `SessionCounters`, as the compiler sees it: names and labels are literal types. */
function emitted(): Emitted[] {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic() {} };
  const options = ts.getParsedCommandLineOfConfigFile('tsconfig.json', {}, host)?.options ?? {};
  const program = ts.createProgram(globSync('src/**/*.ts'), options);
  const checker = program.getTypeChecker();
  const found: Emitted[] = [];
  const visit = (node: ts.Node, file: ts.SourceFile): void => {
    ts.forEachChild(node, (child) => visit(child, file));
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const method = node.expression.name.text;
    const owner = checker.getNonNullableType(checker.getTypeAtLocation(node.expression.expression));
    if (!['Counters', 'SessionCounters'].includes(owner.symbol?.name ?? '') || !/^(add|set)$/.test(method)) return;
    // What only passes calls on names no metric of its own: its callers are looked at.
    if (file.fileName.endsWith('src/contained.ts')) return;
    const [name, labels] = node.arguments;
    const type = checker.getTypeAtLocation(name as ts.Expression);
    const names = type.isUnion() ? type.types : [type];
    const at = `${relative('.', file.fileName)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    for (const one of names) {
      const text = one.isStringLiteral() ? one.value : `(a name that only the run knows: ${checker.typeToString(one)})`;
      const properties = labels ? checker.getTypeAtLocation(labels).getProperties() : [];
      found.push({
        metric: metricName(text),
        labels: properties.map((property) => property.name),
        kind: method === 'add' ? 'counter' : 'gauge',
        at,
      });
    }
  };
  for (const file of program.getSourceFiles())
    if (/\/src\//.test(`/${relative('.', file.fileName)}`)) visit(file, file);
  return found;
}

const calls = emitted();

test('every counter and gauge that the app writes is listed in metric-catalog.ts, with that kind and those labels', () => {
  expect(calls.length).toBeGreaterThan(50);
  const unknown = calls.filter(({ metric, labels, kind }) => {
    const listed = catalog[metric];
    return listed?.kind !== kind || labels.some((label) => !listed.labels?.includes(label));
  });
  expect(unknown).toEqual([]);
});

test('every metric that is named in the source is in the catalog', () => {
  const named = globSync('src/{monitoring,alerting}/**/*.ts').flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return [...text.matchAll(/['.](?:redis|azure|steward)_[a-z_]+\b|^\s+(?:redis|azure|steward)_[a-z_]+(?=:)/gm)].map(
      ([name]) => name.trim().replace(/^['.]/, ''),
    );
  });
  const partial = [/^steward_$/, /^steward_cache_$/];
  const unknown = [...new Set(named)].filter((name) => !(name in catalog) && !partial.some((form) => form.test(name)));
  // `redis_node_info` exists for Prometheus alone, with the role and the version as labels; the others are fields of INFO.
  expect(unknown.sort()).toEqual(['redis_mode', 'redis_node_info', 'redis_version']);
});
