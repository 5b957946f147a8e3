import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Program, unpackPackages } from './packages';

/**
 * A server's program whose wall clock is off by so many ms, from one that is not: libfaketime from the distribution's
 * package. Undefined if it is not available: no Debian or Ubuntu, no network.
 */
export async function skewedBy(program: Program, offsetMs: number): Promise<Program | undefined> {
  const root = await unpackPackages(['libfaketime']);
  if (root === undefined) return undefined;
  const folders = await readdir(join(root, 'usr/lib'));
  const folder = folders.find((name) => name.includes('-linux-'));
  if (folder === undefined) return undefined;
  const library = join(root, 'usr/lib', folder, 'faketime/libfaketime.so.1');
  const env = {
    // libc before jemalloc: jemalloc asks for the time as it starts, and libfaketime for memory as it does.
    LD_PRELOAD: `${library} libc.so.6`,
    FAKETIME: `${offsetMs < 0 ? '' : '+'}${offsetMs / 1_000}`,
    // Time-outs and the like go on by the true one, under either of the names that its releases know.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { ...program, env: { ...program.env, ...env } };
}
