import { BACKPORTS } from './package-sources';
import { findProgram, type Program } from './packages';

/**
 * Valkey from PATH, else from the distribution's packages, those ported back to it included, unpacked into `.cache/`.
 * Undefined if it is not available. Goes into `program` of the servers' options.
 */
export function findValkey(): Promise<Program | undefined> {
  return findProgram({
    names: ['valkey-server'],
    release: BACKPORTS,
    packages: [{ names: ['valkey-server', 'valkey-tools'], path: 'usr/bin/valkey-server' }],
  });
}
