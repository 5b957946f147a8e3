import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBicep } from '../../scripts/bicep.cjs';
import { missingTool } from '../missing-tool';
import { BicepServer } from './bicep-server';

export const root = join(__dirname, '..', '..');

/** The parameter files, by name: each has a committed snapshot, and build.test.ts proves that it is the present one. */
export const parameterFiles = ['dev', 'managed', 'managed-geo', 'premium', 'premium-geo'] as const;
export type ParameterFile = (typeof parameterFiles)[number];

/** A resource as the template says it, its expressions evaluated; what only a deployment knows stays `[expression]`. */
export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly apiVersion: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [part: string]: unknown;
}

export function readSnapshot(name: ParameterFile): readonly Resource[] {
  const file = join(root, 'infra', 'params', `${name}.snapshot.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { predictedResources: Resource[] }).predictedResources;
}

/** Resources of a type, whatever its case. */
export function ofType(resources: readonly Resource[], type: string): Resource[] {
  return resources.filter((resource) => resource.type.toLowerCase() === type.toLowerCase());
}

/** The one resource of a type (and name); fails if there are none or many. */
export function only(resources: readonly Resource[], type: string, name?: string): Resource {
  const found = ofType(resources, type).filter((resource) => name === undefined || resource.name === name);
  expect(found.map((resource) => resource.id)).toHaveLength(1);
  return found[0]!;
}

/** The value at a dotted path; undefined if the path ends early. */
export function at(resource: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], resource);
}

/** A suite that needs the CLI. */
export function describeWithBicep(title: string, suite: (bicep: string) => void): void {
  const bicep = findBicep();
  if (bicep) {
    describe(title, () => suite(bicep));
    return;
  }
  missingTool(title, 'no Bicep CLI: install the .NET SDK, put bicep on PATH, or name it in BICEP_PATH');
}

/** A warm CLI for the tests of a file, closed after them. */
export function bicepServer(bicep: string): () => BicepServer {
  let server: BicepServer | undefined;
  afterAll(async () => {
    await server?.close();
  });
  return () => {
    server ??= new BicepServer(bicep);
    return server;
  };
}

const sources = [
  'bicepconfig.json',
  'alerts/rules.json',
  'infra/redis-permissions.json',
  'tools/bicep/bicep.csproj',
  ...globSync('infra/**/*.{bicep,bicepparam}', { cwd: root }),
  ...globSync('test/infra/harness/*', { cwd: root }),
].sort();

/** What the CLI said of these very sources and this question before, else what it says now: a build takes seconds. */
export async function remembered<T>(question: string, ask: () => Promise<T>): Promise<T> {
  const hash = createHash('sha256').update(question);
  for (const file of sources) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  const folder = join(root, '.cache', 'infra-tests');
  const file = join(folder, `${hash.digest('hex')}.json`);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    const answer = await ask();
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(answer));
    return answer;
  }
}
