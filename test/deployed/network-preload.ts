import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import type { NetworkTable } from './network.cjs';

/** A script in `folder` that gives a process this network, for `node --require`. */
export async function networkPreload(folder: string, table: NetworkTable): Promise<string> {
  const file = join(folder, 'network.cjs');
  const module = JSON.stringify(join(projectRoot, 'test/deployed/network.cjs'));
  await writeFile(file, `require(${module}).installNetwork(${JSON.stringify(table)});\n`);
  return file;
}
