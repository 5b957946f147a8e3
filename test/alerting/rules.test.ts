import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import shipped from '../../alerts/rules.json';
import schema from '../../alerts/rules.schema.json';
import { loadRules, parseRules, RulesError, rulesOfApp } from '../../src/alerting/rules/alert-rules';
import { rulesJsonSchema } from '../../src/alerting/rules/rule-schema';

const root = join(__dirname, '../..');
const [redisDown] = shipped.rules;
const faultsOf = (content: unknown): readonly string[] => {
  try {
    parseRules(content, 'a file');
    return [];
  } catch (error) {
    return (error as RulesError).faults;
  }
};
const withRule = (over: object) => ({ version: 1, rules: [{ ...redisDown, ...over }] });

test('the shipped rules load, and the schema beside them is the one the app checks by', async () => {
  expect(loadRules().rules).toHaveLength(shipped.rules.length);
  expect(schema).toEqual(JSON.parse(JSON.stringify(rulesJsonSchema())));
});

test.each(shipped.rules.map(({ name, runbook }) => [name, runbook]))(
  '%s has a runbook that says what to do',
  (_, page) => {
    expect(existsSync(join(root, page)) ? page : `no file: write ${page}`).toBe(page);
    const text = readFileSync(join(root, page), 'utf8');
    for (const heading of ['## What it means', '## Look first', '## Then', '## Why the threshold']) {
      expect(text).toContain(heading);
    }
  },
);

test.each(['https://git.example/redis/blob/main', 'https://git.example/redis/blob/main/'])(
  'runbooks that are paths are named below %s',
  async (address) => {
    const file = join(tmpdir(), `steward-rules-${process.pid}.json`);
    const rules = [redisDown, { ...redisDown, name: 'Own', runbook: 'https://wiki.example/redis?page=1' }];
    writeFileSync(file, JSON.stringify({ version: 1, rules }));
    const loaded = loadRules(file, address);
    rmSync(file);
    expect(loaded.rules.map(({ runbook }) => runbook)).toEqual([
      'https://git.example/redis/blob/main/docs/runbooks/redis-down.md',
      'https://wiki.example/redis?page=1',
    ]);
  },
);

test('the percentage given to Azure Monitor is the same share', () => {
  for (const rule of shipped.rules as {
    threshold?: number;
    metric: string;
    azure?: Record<string, { threshold?: number }>;
  }[]) {
    for (const offering of ['premium', 'managed']) {
      const azure = rule.azure?.[offering];
      if (azure && /share$/.test(rule.metric)) expect(azure.threshold).toBe(Math.round((rule.threshold ?? 0) * 100));
    }
  }
});

test('every fault of a file is named at once, by rule and field', () => {
  const faults = faultsOf({
    version: 1,
    rules: [
      { ...redisDown, window: 'soon' },
      { ...redisDown, name: 'second', severity: 'loud', extra: 1 },
    ],
  });
  expect(faults.join('\n')).toMatch(/rules\[0\] \(RedisDown\)\.window: expected a whole number with s, m, h or d/);
  expect(faults.join('\n')).toMatch(/rules\[1\] \(second\)\.name: expected a name in PascalCase/);
  expect(faults.join('\n')).toMatch(/rules\[1\] \(second\)\.severity/);
  expect(faults.join('\n')).toMatch(/extra/);
});

test.each([
  [
    'a metric that never existed',
    { metric: 'redis_memory_share_used' },
    'no such metric: redis_memory_share_used, did you mean redis_memory_used_share?',
  ],
  [
    'a ratio without a denominator',
    { aggregation: 'ratio', by: ['cache'] },
    'over belongs to ratio, and ratio needs it',
  ],
  [
    'a ratio without by',
    { aggregation: 'ratio', metric: 'redis_keyspace_hits', over: ['redis_keyspace_hits'] },
    'ratio needs by: it sums before it divides',
  ],
  ['a rate of a gauge', { aggregation: 'rate' }, 'redis_up is a gauge: rate needs a counter'],
  ['absent with a threshold', { aggregation: 'absent' }, 'absent takes no threshold'],
  ['a quantile that is not said', { aggregation: 'quantile' }, 'quantile belongs to quantile, which needs it'],
  ['a prediction without a time', { aggregation: 'predict' }, 'ahead belongs to predict, which needs it'],
  ['Azure without its metric', { evaluatedBy: ['azure'] }, 'azure belongs to evaluatedBy azure'],
  ['an unknown form of the value', { summary: '{value:yards}' }, 'no such format: {value:yards}'],
])('%s is a fault', (_, over, expected) => {
  expect(faultsOf(withRule(over)).join('\n')).toContain(`RedisDown: ${expected}`);
});

test('two rules of one name, and muting by a rule that is not there, are faults', () => {
  const faults = faultsOf({
    version: 1,
    inhibit: [{ source: { alert: 'Nobody' }, equal: [] }],
    rules: [redisDown, redisDown],
  });
  expect(faults).toEqual(
    expect.arrayContaining(['RedisDown: there is another rule of this name', 'inhibit: there is no rule Nobody']),
  );
});

test('a file that is missing or is no JSON is one clear fault', async () => {
  expect(() => loadRules('no/such/file.json')).toThrow(/it could not be read as JSON/);
  expect(() => loadRules(join(root, 'LICENSE'))).toThrow(RulesError);
});

test('rules for Azure alone are never evaluated here; those for both, unless they are left to Azure', async () => {
  const { rules } = loadRules();
  const names = (left: boolean) => rulesOfApp(rules, left).map(({ name }) => name);
  expect(names(false)).toContain('MemoryHigh');
  expect(names(false)).not.toContain('ServerLoadHigh');
  expect(names(true)).not.toContain('MemoryHigh');
});
