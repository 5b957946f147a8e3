import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One glossary, held everywhere: docs/glossary.md has the words, and this list refuses those that they replaced. */

interface OldWord {
  readonly word: RegExp;
  readonly say: string;
  /** Files that use the word with another meaning. */
  readonly except?: RegExp;
}

const oldWords: readonly OldWord[] = [
  { word: /\b(owed|owes?|owing|debts?)\b/, say: 'pending, pending invalidation' },
  // In a test a gate holds a load or a request until the test lets it go.
  { word: /\bgates?\b/, say: 'circuit breaker', except: /^test\// },
  { word: /\bflights?\b/, say: 'in-flight load' },
  { word: /\b(an|the|each|every|one|per|load) asks?\b/, say: 'load request' },
  { word: /\b(key plans?|plans? of (a|the|its) key)\b/, say: 'key policy' },
  // OpenTelemetry has meters.
  {
    word: /\bmeters?\b/,
    say: 'entity counters',
    except: /telemetry(\.test)?\.ts$|otel-observer\.ts$|^test\/(canary|monitoring\/otel)/,
  },
  {
    word: /\b(is|are|be|been|was|were|stays?|redis|database|storage|vault|node|server|may be) away\b/,
    say: 'unavailable (of Redis), down, or cannot be reached',
  },
  { word: /\bepochs?\b/, say: 'tag generation' },
  // A build leaves a stamp that says what it was made from.
  { word: /\b(re)?stamps?\b/, say: 'createdAt, or renew', except: /^scripts\/|webjobs-host\.ts$/ },
  { word: /\b(told|heard|hears)\b/, say: 'notified, shown, reported or received; notification log' },
  { word: /\blanes?\b/, say: 'worker' },
  { word: /\bpatience\b/, say: 'offline-queue limit' },
  { word: /\bkeepers?\b/, say: 'credential refresher' },
  { word: /\b(gentle|gentler|gently|gentleness)\b/, say: 'throttle limits' },
  { word: /\bpaced?\b/, say: 'duty cycle, rate, evenly' },
  { word: /\bvitals?\b/, say: 'server load' },
  { word: /\bslices?\b/, say: 'work item' },
  { word: /\b(a|the|each|every|one|this|last|next|hygiene|census|sessions|reclaim) pass(es)?\b/, say: 'sweep' },
  { word: /\b(scan pages?|pages? of (keys|a sweep|the sweep|a scan))\b/, say: 'batch' },
  { word: /(?<!dead )\bletter rows?\b/, say: 'dead-letter row' },
  { word: /\bcommitters?\b/, say: 'batch save' },
  { word: /\badopt(s|ed|ion)?\b/, say: 'use, take over' },
  { word: /\bbur(y|ied)\b/, say: 'end, remove' },
  { word: /\banew\b/, say: 'again' },
  { word: /\boftener\b/, say: 'more often' },
  { word: /\bby and by\b/, say: 'later, in the end' },
  { word: /\b(that|which|it) is none\b/, say: 'is invalid, is not one' },
  { word: /\b(undefined|empty|none|true|false|null) where\b|\bwhere there (is|are)\b/, say: 'if' },
];

/** Names that others rely on, and so cannot change; and calls that only look like an old word. */
const wire = [
  /whenRedisIsAway|WHEN_REDIS_IS_AWAY/g,
  /epochCacheMs|EPOCH_CACHE_MS|epochBoundMs|longestEpochLagMs/g,
  /cache:epoch|'epoch:|\}epoch:|cache epochs|extract\(epoch|CONFIG-EPOCH|dateTimeToEpoch/g,
  // Azure's names, and a row that the database refuses.
  /timeStamp|meterName|'\{"name":"Debt"/g,
  // The blob of the notification log.
  /'told'|`told`/g,
  /\.slice\(|SWEEP_SLICE_SECONDS|sweep_slices|`slice`|'slice'/g,
  /["'`]pass["'`]|pass\.json/g,
  /in[- ]?flight/gi,
];

const root = join(__dirname, '../..');
const files = globSync(
  [
    '{README,CONTRIBUTING,CHANGELOG,SECURITY}.md',
    '{docs,local}/**/*.md',
    '{src,local,bench,test}/**/*.{ts,cts,lua,html,css}',
    'scripts/*.{mjs,cjs,cts}',
    'infra/**/*.bicep',
  ],
  { cwd: root },
).filter((file) => file !== relative(root, __filename) && file !== 'docs/glossary.md');

/** `mayBeAway` and `MAY_BE_AWAY` are words, too. */
const spelledOut = (line: string) =>
  line
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
    .replaceAll('_', ' ')
    .toLowerCase();

function* faultsOf(file: string): Generator<string> {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const text = spelledOut(wire.reduce((rest, name) => rest.replace(name, ' '), line));
    for (const { word, say, except } of oldWords) {
      const found = except?.test(file) ? undefined : word.exec(text)?.[0];
      if (found) yield `${file}:${index + 1}: instead of "${found}" say: ${say}`;
    }
  }
}

test('no file uses a word that docs/glossary.md has replaced', () => {
  expect(files.length).toBeGreaterThan(500);
  expect(files.flatMap((file) => [...faultsOf(file)])).toEqual([]);
});
