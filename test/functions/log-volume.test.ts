import { readFileSync } from 'node:fs';
import { contextLogger } from '../../src/functions/context-logger';

/** What reaches Application Insights, by the rules of Microsoft's host, written down here a second time. */

const LEVELS = ['Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical'];
const { logging } = JSON.parse(readFileSync('host.json', 'utf8')) as {
  logging: {
    logLevel: Record<string, string>;
    applicationInsights: { samplingSettings: { isEnabled: boolean; excludedTypes: string } };
  };
};

/** The longest name that the category begins with decides; `default` if there is none. */
function isLogged(category: string, level: string): boolean {
  const names = Object.keys(logging.logLevel).filter((name) => category.toLowerCase().startsWith(name.toLowerCase()));
  const [longest = 'default'] = names.sort((a, b) => b.length - a.length);
  return LEVELS.indexOf(level) >= LEVELS.indexOf(logging.logLevel[longest] ?? 'None');
}

test.each([
  ['each storage call of the host itself', 'Azure.Core', 'Information'],
  ['an answer of storage that the host expects, such as a lease that is taken', 'Azure.Core', 'Warning'],
  ['seven metrics for each function that ran in the last 30 seconds', 'Host.Aggregator', 'Information'],
])('%s stays out', (_, category, level) => {
  expect(isLogged(category, level)).toBe(false);
});

test.each([
  ['the line of a job', 'Function.flushWrites.User', 'Information'],
  ['the line of a job that failed', 'Function.flushWrites.User', 'Error'],
  ['a run of a function, which the alert NoSamples counts', 'Host.Results', 'Information'],
  ['a failed invocation', 'Function.flushWrites', 'Error'],
  ['what the app says between invocations', 'Host.Function.Console', 'Information'],
  ['a function that failed indexing', 'Host.Startup', 'Error'],
  ['a storage call that failed for good', 'Azure.Core', 'Error'],
])('%s is kept', (_, category, level) => {
  expect(isLogged(category, level)).toBe(true);
});

test('runs and exceptions are not sampled: an alert counts the runs', () => {
  expect(logging.applicationInsights.samplingSettings).toEqual({
    isEnabled: true,
    excludedTypes: 'Request;Exception',
  });
});

describe('a line between invocations', () => {
  const written: { stream: string; line: string }[] = [];
  beforeEach(() => {
    written.length = 0;
    for (const stream of ['stdout', 'stderr'] as const) {
      jest.spyOn(process[stream], 'write').mockImplementation((line) => written.push({ stream, line: `${line}` }) > 0);
    }
  });
  afterEach(() => jest.restoreAllMocks());

  /** How the host files a line that a worker printed. */
  const filedAs = ({ stream, line }: { stream: string; line: string }) => {
    if (stream === 'stdout') return 'Information';
    if (/warn/i.test(line)) return 'Warning';
    return /error|fail|severe|unhandled exception/i.test(line) ? 'Error' : 'Information';
  };

  test.each([
    ['info', 'Information'],
    ['warn', 'Warning'],
    ['error', 'Error'],
  ] as const)('of level %s is filed as %s', (level, filed) => {
    contextLogger[level]({ store: 'cache' }, 'connection lost');
    expect(written.map(({ line }) => line)).toEqual([
      `{"level":"${level}","message":"connection lost","store":"cache"}\n`,
    ]);
    expect(written.map(filedAs)).toEqual([filed]);
  });

  test('of level debug is not printed', () => {
    contextLogger.debug({}, 'connection lost');
    expect(written).toEqual([]);
  });
});
