/**
 * ioredis has a class that extends String, and V8 keeps a prototype that was just made another's in a slow form until
 * it sees it used through an object. Texts are no objects: in a process that never makes a String object every method
 * of every text would stay slow for good, `charCodeAt` by four times. Some reads through one end that, once and for all.
 */
export function makeStringsFast(): void {
  const text = new String('');
  // Enough of them for the engine to watch what the loop reads.
  for (let n = 0; n < 1_000; n += 1) text.charCodeAt;
}
