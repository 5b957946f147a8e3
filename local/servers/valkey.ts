import { BACKPORTS } from './package-sources';
import { findProgram, type Program } from './packages';

/**
 * Valkey from PATH, else from the distribution's packages, those ported back to it included, unpacked into `.cache/`.
 * Undefined where that can't be had. Goes into `program` of the servers' options.
 */
export function findValkey(): Promise<Program | undefined> {
  return findProgram({
    names: ['valkey-server'],
    release: BACKPORTS,
    packages: [{ names: ['valkey-server', 'valkey-tools'], path: 'usr/bin/valkey-server' }],
  });
}
