import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { parseSchedule } from '../../src/settings/ncrontab';
import { buildWebJobsHost, describeWithDotnet, dotnetEnvironment } from './webjobs-host';

/** What a schedule comes to: its next occurrences, fewer if there are no more, or that it can't be read. */
type Outcome = readonly string[] | 'refused';

const COUNT = 3;
const RANDOM = 3_000;
/** The SDK gives the end of time for an occurrence that never comes. */
const END_OF_TIME = '9999-';

async function theirs(questions: readonly (readonly [string, string])[]): Promise<readonly Outcome[]> {
  const program = await buildWebJobsHost();
  const child = spawn('dotnet', [program, 'occurrences'], {
    env: { ...process.env, ...dotnetEnvironment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = text(child.stdout);
  child.stdin.end(
    questions.map(([expression, base]) => `${JSON.stringify({ expression, base, count: COUNT })}\n`).join(''),
  );
  const lines = (await answers).trim().split('\n');
  return lines.map((line) => {
    const { valid, next } = JSON.parse(line) as { valid: boolean; next?: string[] };
    return valid ? (next ?? []).filter((time) => !time.startsWith(END_OF_TIME)) : 'refused';
  });
}

function ours([expression, base]: readonly [string, string]): Outcome {
  try {
    const schedule = parseSchedule(expression);
    const found: string[] = [];
    for (let at = schedule.next(new Date(base)); at && found.length < COUNT; at = schedule.next(at)) {
      found.push(at.toISOString().replace('.000Z', 'Z'));
    }
    return found;
  } catch {
    return 'refused';
  }
}

const TABLE = [
  ...['* * * * * *', '*/5 * * * *', '0 */5 * * * *', '0 0 * * * *', '30 * * * * *', '0 10 6 * * *', '0 30 9-17 * * *'],
  ...['0 0 22-2 * * *', '0 50/4 * * * *', '0 */90 * * * *', '5-50/15 * * * * *', '0 0 9,12-14,17 * * *'],
  ...['0 0 0 13 * Friday', '0 0 0 29 2 *', '0 0 0 29 2 mon', '0 0 0 30 2 *', '0 0 0 31 * *', '0 0 2 * J mon'],
  ...['0 0 0 * jan-mar 1-5', '0 0 0 * * 0', '0 0 0 * * 7', '0 0 0 * * sun-tue', '0 0 0 * * Sun,Wed'],
  ...[
    '',
    '*',
    '* * * *',
    '* * * * * * *',
    '60 * * * * *',
    '0 0 24 * * *',
    '0 0 0 0 * *',
    '0 0 0 * 13 *',
    '0 0 0 L * *',
  ],
  ...['0 0 0 ? * *', '@daily', '0 */0 * * * *', '1-2-3 * * * * *', '0 0 0 * Foo *', '-1 * * * * *', '0 0 0 1W * *'],
  ...['0 0 0 * * 5#2', '0 , * * * *', '0 1, * * * *', '0 1- * * * *', '0 /2 * * * *', '0 */ * * * *', '0 1/x * * * *'],
  ...[
    '  0 */5  * * * *  ',
    '0\t*/5 * * * *',
    '01 02 03 04 05 *',
    '0 0 0 1 January *',
    '0 0 0 1 Januaryy *',
    '00:05:00',
  ],
  ...['0 0 0 * * Mo', '0 0 0 * * m', '0 0 0 * * S', '0 0 0 * m *', '0 0 0 * ju *', '0 0 0 jan * *', '0 mon * * * *'],
];

const number = (max: number) => fc.oneof({ weight: 9, arbitrary: fc.nat(max) }, { weight: 1, arbitrary: fc.nat(99) });
const word = (words: readonly string[]) =>
  fc.tuple(fc.constantFrom(...words), fc.integer({ min: 1, max: 9 }), fc.boolean()).map(([name, length, upper]) => {
    const short = name.slice(0, length);
    return upper ? short.toUpperCase() : short;
  });

/** Mostly fields that can be read, now and then one that can't. */
function field(max: number, words?: readonly string[]): fc.Arbitrary<string> {
  const value = words ? fc.oneof(number(max).map(String), word(words)) : number(max).map(String);
  const range = fc.tuple(value, value).map(([from, to]) => `${from}-${to}`);
  const step = fc.tuple(fc.oneof(fc.constant('*'), value, range), fc.nat(max + 5)).map(([from, by]) => `${from}/${by}`);
  const odd = fc.constantFrom('', '?', 'L', '*-3', '1--2', '1/2/3', '*,5', '5,*', '**', '1-', '/3', '#');
  const item = fc.oneof({ weight: 4, arbitrary: value }, range, step);
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant('*') },
    { weight: 8, arbitrary: item },
    { weight: 4, arbitrary: fc.array(item, { minLength: 2, maxLength: 4 }).map((items) => items.join(',')) },
    { weight: 1, arbitrary: odd },
  );
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const fields = fc.tuple(field(59), field(59), field(23), field(31), field(12, MONTHS), field(6, DAYS));
const expression = fc.tuple(fields, fc.boolean()).map(([all, seconds]) => all.slice(seconds ? 0 : 1).join(' '));
const base = fc
  .integer({ min: Date.parse('2020-01-01T00:00:00Z') / 1000, max: Date.parse('2060-01-01T00:00:00Z') / 1000 })
  .map((seconds) => new Date(seconds * 1000).toISOString());

describeWithDotnet('schedules come due as NCrontab says', () => {
  const BASE = '2026-11-28T10:02:11.000Z';

  test('for a table of expressions', async () => {
    const questions = TABLE.map((one) => [one, BASE] as const);
    const answers = await theirs(questions);
    expect(Object.fromEntries(questions.map((one) => [one[0], ours(one)]))).toEqual(
      Object.fromEntries(questions.map(([one], index) => [one, answers[index]])),
    );
  }, 300_000);

  test('for random ones', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.info(`seed ${seed}`);
    const questions = fc.sample(fc.tuple(expression, base), { seed, numRuns: RANDOM });
    const answers = await theirs(questions);
    expect(answers.filter((answer) => answer !== 'refused').length).toBeGreaterThan(RANDOM / 4);
    const differing = questions.flatMap((one, index) => {
      const [our, their] = [ours(one), answers[index]];
      return JSON.stringify(our) === JSON.stringify(their) ? [] : [{ seed, question: one, ours: our, theirs: their }];
    });
    expect(differing).toEqual([]);
  }, 300_000);
});
