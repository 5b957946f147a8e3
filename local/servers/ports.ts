import { createServer } from 'node:net';

/**
 * Below the range that Linux and macOS take outgoing connections' ports from, so that a port found free isn't taken by
 * a client a moment later; and low enough for a cluster's bus, which listens 10,000 higher.
 */
const LOWEST = 11_000;
const HIGHEST = 21_999;
const ATTEMPTS = 200;

const given = new Set<number>();

/**
 * A port on which nothing listens now, and which this process has not been given before. Another process may still
 * take it first: start the server, and on EADDRINUSE ask for another.
 *
 * @param offsets also free at these distances, for example `[10_000]` for a cluster's bus
 */
export async function freePort(offsets: readonly number[] = []): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port)) continue;
    const all = await Promise.all([0, ...offsets].map((offset) => isFree(port + offset)));
    if (all.includes(false)) continue;
    given.add(port);
    return port;
  }
  throw new Error(`Expected a free port from ${LOWEST} to ${HIGHEST}, found none in ${ATTEMPTS} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
