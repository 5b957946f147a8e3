import { benchJournal } from './journal';
import { fullLoad } from './loads';

const FIRST = 100_000;
const LAST = 1_000_000;
const CALLERS = 512;

/** What a process holds after its 100,000th and its 1,000,000th acknowledged write, garbage collected, in MB of heap. */
export async function measureMemory(connection: string): Promise<{ firstMb: number; lastMb: number }> {
  const journal = benchJournal(connection, 'memory');
  let begun = 0;
  const heapAfter = async (writes: number): Promise<number> => {
    const append = () => {
      begun++;
      return journal.append();
    };
    await fullLoad(CALLERS, append, () => begun >= writes);
    if (!global.gc) throw new Error('Expected node --expose-gc, as `npm run bench` has it');
    global.gc();
    return process.memoryUsage().heapUsed / 1_048_576;
  };
  const firstMb = await heapAfter(FIRST);
  const lastMb = await heapAfter(LAST);
  await journal.close();
  return { firstMb, lastMb };
}
