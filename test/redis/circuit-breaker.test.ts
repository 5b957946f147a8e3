import { silentLogger } from '../../src/logger';
import { CircuitBreaker } from '../../src/redis/circuit-breaker';
import { DeadlineError } from '../../src/redis/errors';
import { deferred } from '../cache/rig';

const late = () => Promise.reject(new DeadlineError('late'));
const answer = () => Promise.resolve('answer');

describe('the breaker of a node', () => {
  let breaker: CircuitBreaker;
  let probe: jest.Mock<Promise<unknown>, []>;
  beforeEach(() => {
    jest.useFakeTimers();
    probe = jest.fn(() => late());
    breaker = new CircuitBreaker('', silentLogger, probe);
  });
  afterEach(() => {
    breaker.close();
    jest.useRealTimers();
  });

  /** Runs `work` as often; it may fail. */
  async function run(times: number, work: () => Promise<unknown>): Promise<void> {
    for (let done = 0; done < times; done += 1) await breaker.run(work).catch(() => {});
    await jest.advanceTimersByTimeAsync(0);
  }

  test.each([
    ['the first command', 0],
    ['one of few', 4],
    ['one among many', 100],
  ])('a single failure leaves it closed: %s', async (_, before) => {
    await run(before, answer);
    await run(1, late);
    expect(breaker.isOpen).toBe(false);
    await run(20, answer);
    expect(breaker.isOpen).toBe(false);
    await expect(breaker.run(answer)).resolves.toBe('answer');
    expect(probe).not.toHaveBeenCalled();
  });

  test('errors that do not say that Redis is unavailable leave it closed', async () => {
    await run(20, () => Promise.reject(new Error('WRONGTYPE')));
    expect(breaker.isOpen).toBe(false);
  });

  test('failures in a row open it: nothing is sent until its probe is answered', async () => {
    await run(10, late);
    expect(breaker.isOpen).toBe(true);
    const work = jest.fn(answer);
    await expect(breaker.run(work)).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
    expect(work).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(breaker.isOpen).toBe(true);
    probe.mockImplementation(answer);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(breaker.isOpen).toBe(false);
  });

  test('closed for good, it probes no more, whatever was under way and whatever fails later', async () => {
    const { promise, reject } = deferred<unknown>();
    probe.mockImplementation(() => promise);
    await run(10, late);
    await jest.advanceTimersByTimeAsync(1_000);
    const asked = probe.mock.calls.length;
    expect(asked).toBeGreaterThan(0);
    breaker.close();
    reject(new DeadlineError('late'));
    await run(10, late);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(probe).toHaveBeenCalledTimes(asked);
  });
});
