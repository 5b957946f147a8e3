import { renderRun, stackConsole } from '../../local/stack/console';
import { jobRunOf, troubleOf } from '../../local/stack/job-line';

const RUN = {
  job: 'flushWrites',
  ok: true,
  ms: 12,
  summary: 'saved 40 rows',
  figures: { rows: 40, lagMs: 12.345, late: 0 },
};

test('a run of a job is read from the lines of either host', () => {
  const message = JSON.stringify(RUN);
  expect(jobRunOf(`[2026-11-23T10:00:00.000Z] ${message}`)).toEqual(RUN);
  expect(
    jobRunOf(JSON.stringify({ event: 'log', level: 'information', functionName: 'flushWrites', message })),
  ).toEqual(RUN);
  expect(jobRunOf('{"listening":"http://127.0.0.1:1"}')).toBeUndefined();
  expect(jobRunOf('{"job": broken')).toBeUndefined();
});

test('a run is one line: what it did, how long it took, and what is behind where anything is', () => {
  expect(renderRun(RUN)).toBe('flushWrites           12 ms  saved 40 rows  (lagMs 12.35)');
  expect(renderRun({ ...RUN, ok: false, figures: {} })).toBe('flushWrites           12 ms  FAILED: saved 40 rows');
});

test('warnings and errors that are no runs are shown, the rest is not', () => {
  const log = (level: string, message: string) => JSON.stringify({ event: 'log', level, category: 'user', message });
  expect(troubleOf(log('information', 'fine'))).toBeUndefined();
  expect(troubleOf(log('warning', 'hm'))).toBe('hm');
  expect(troubleOf(log('error', JSON.stringify({ level: 'error', message: 'redis unavailable', node: 'a' })))).toBe(
    'redis unavailable node=a',
  );
  expect(troubleOf('{"level":"warn","message":"redis reconnecting","attempt":2}')).toBe('redis reconnecting attempt=2');
  expect(troubleOf(log('error', JSON.stringify({ ...RUN, ok: false })))).toBeUndefined();
  const withoutMessage = JSON.stringify({ code: 'E_X', summary: 'no text' });
  expect(troubleOf(log('error', withoutMessage))).toBe(withoutMessage);
  expect(troubleOf('Something failed')).toBe('Something failed');
});

test('the console counts runs and failures between two summaries', () => {
  const lines: string[] = [];
  const console = stackConsole((line) => lines.push(line));
  console.hostLine(JSON.stringify(RUN));
  console.hostLine(JSON.stringify({ ...RUN, ok: false }));
  console.hostLine('chatter');
  expect(lines).toHaveLength(2);
  expect(console.takeRuns()).toEqual(new Map([['flushWrites', { runs: 2, failed: 1 }]]));
  expect(console.takeRuns().size).toBe(0);
});

test('what goes wrong over and over is shown at once, then every ten seconds with a count', () => {
  const lines: string[] = [];
  let now = 0;
  const console = stackConsole(
    (line) => lines.push(line.slice(10)),
    () => {},
    () => now,
  );
  const lost = (port: number) => `{"level":"warn","message":"redis reconnecting","redis":"127.0.0.1:${port}"}`;
  const putBack = (rows: number) => JSON.stringify({ ...RUN, summary: `${rows} put back`, figures: { putBack: rows } });
  for (let second = 0; second <= 10; second += 1) {
    now = second * 1_000;
    console.hostLine(lost(1));
    console.hostLine(putBack(10 + second));
  }
  console.hostLine(lost(2));
  console.hostLine(JSON.stringify(RUN));
  console.hostLine(JSON.stringify(RUN));
  expect(lines).toEqual([
    '! redis reconnecting redis=127.0.0.1:1',
    'flushWrites           12 ms  10 put back',
    '! redis reconnecting redis=127.0.0.1:1  (and 9 more like it)',
    'flushWrites           12 ms  20 put back  (and 9 more like it)',
    '! redis reconnecting redis=127.0.0.1:2',
    ...Array(2).fill('flushWrites           12 ms  saved 40 rows  (lagMs 12.35)'),
  ]);
  expect(console.takeRuns().get('flushWrites')).toEqual({ runs: 13, failed: 0 });
});
