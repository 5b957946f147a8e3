import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { snapshotMetadata } from '../../scripts/snapshot-arguments.cjs';
import type { Diagnostic } from './bicep-server';
import { bicepServer, describeWithBicep, parameterFiles, remembered, root } from './infra';

const templates = globSync('infra/**/*.bicep', { cwd: root }).sort();

describeWithBicep('infra/ builds', (bicep) => {
  const server = bicepServer(bicep);

  test('neither a build nor the linter has anything to say of any file', async () => {
    const said = await remembered('lint', async () => run(bicep, ['lint', '--pattern', 'infra/**/*.bicep']));
    expect(said).toBe('0: ');
  });

  test('every file is formatted', async () => {
    const unformatted = await remembered('format', async () => {
      const found: string[] = [];
      for (const file of [...templates, ...globSync('infra/params/*.bicepparam', { cwd: root })]) {
        const path = join(root, file);
        const { contents } = await server().call<{ contents: string }>('bicep/format', { path });
        if (contents !== readFileSync(path, 'utf8')) found.push(file);
      }
      return found;
    });
    expect(unformatted).toEqual([]);
  });

  test.each(parameterFiles)('the committed snapshot of %s is what it deploys', async (name) => {
    const path = join(root, 'infra', 'params', `${name}.bicepparam`);
    const { diagnostics } = await remembered(`compile ${name}`, () =>
      server().call<{ diagnostics: Diagnostic[] }>('bicep/compileParams', { path, parameterOverrides: {} }),
    );
    expect(diagnostics).toEqual([]);
    const { snapshot } = await remembered(`snapshot ${name}`, () =>
      server().call<{ snapshot: string }>('bicep/getSnapshot', { path, metadata: snapshotMetadata }),
    );
    expect(JSON.parse(readFileSync(path.replace('.bicepparam', '.snapshot.json'), 'utf8'))).toEqual(
      JSON.parse(snapshot),
    );
  });

  test('what azd is given is what params/managed deploys', async () => {
    const azd = JSON.parse(readFileSync(join(root, 'infra', 'main.parameters.json'), 'utf8')) as {
      parameters: Record<string, { value: unknown }>;
    };
    const path = join(root, 'infra', 'params', 'managed.bicepparam');
    const { parameters } = await remembered('compile managed', () =>
      server().call<{ parameters: string }>('bicep/compileParams', { path, parameterOverrides: {} }),
    );
    const own = ['databaseUrl', 'alertWebhookUrl', 'alertWebhookSecret', 'location', 'name'];
    const without = (all: object) => Object.fromEntries(Object.entries(all).filter(([name]) => !own.includes(name)));
    const given = without(azd.parameters);
    const managed = without((JSON.parse(parameters) as typeof azd).parameters);
    expect(Object.keys(azd.parameters)).toEqual(expect.arrayContaining(own));
    expect(given).toEqual(managed);
  });

  test('the template has no default for the cache: its offering is a decision', async () => {
    const folder = join(root, '.cache', 'infra-tests');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `no-cache-${process.pid}.bicepparam`);
    const text = readFileSync(join(root, 'infra', 'params', 'managed.bicepparam'), 'utf8')
      .replace("using '../main.bicep'", "using '../../infra/main.bicep'")
      .replace(/param cache = \{[\s\S]*?\n\}\n/, '');
    writeFileSync(path, text);
    try {
      const { diagnostics } = await remembered(text, () =>
        server().call<{ diagnostics: Diagnostic[] }>('bicep/compileParams', { path, parameterOverrides: {} }),
      );
      expect(diagnostics.map(({ message }) => message).join()).toMatch(/"cache"/);
    } finally {
      rmSync(path);
    }
  });
});

describe('without a Bicep CLI', () => {
  const bare = { PATH: dirname(process.execPath), HOME: join(root, '.cache', 'nowhere') };

  test('the check is skipped with one visible line', async () => {
    const said = await run(process.execPath, ['scripts/infra.mjs'], bare);
    expect(said).toMatch(/^0: No Bicep CLI: .*BICEP_PATH\.$/);
  });

  test('and with CI=true that is a failure', async () => {
    expect(await run(process.execPath, ['scripts/infra.mjs'], { ...bare, CI: 'true' })).toMatch(/^1: No Bicep CLI/);
  });
});

test('nothing is suppressed without a reason beside it', () => {
  const bare = templates.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .filter((line) => /#disable-/.test(line) && !/#disable-\S+ \S+ \/\/ \S/.test(line)),
  );
  expect(bare).toEqual([]);
});

test('the linter’s rules are errors, so that no build passes with a finding', () => {
  const { analyzers } = JSON.parse(readFileSync(join(root, 'bicepconfig.json'), 'utf8')) as {
    analyzers: { core: { enabled: boolean; rules: Record<string, { level: string }> } };
  };
  expect(analyzers.core.enabled).toBe(true);
  expect(Object.values(analyzers.core.rules).filter(({ level }) => level !== 'error')).toEqual([]);
  expect(Object.keys(analyzers.core.rules)).toEqual(expect.arrayContaining(wantedRules));
});

/** Those that are warnings by default, then those that are off; three need a network or a clock and stay as they are. */
const wantedRules = `adminusername-should-not-be-literal artifacts-parameters decompiler-cleanup no-conflicting-metadata
no-deployments-resources no-explicit-any no-hardcoded-env-urls no-unnecessary-dependson no-unused-existing-resources
no-unused-imports no-unused-params no-unused-types no-unused-vars outputs-should-not-contain-secrets
prefer-interpolation prefer-unquoted-property-names protect-commandtoexecute-secrets secure-params-in-nested-deploy
secure-params-in-parameters-file secure-parameter-default secure-secrets-in-params simplify-interpolation
simplify-json-null use-parent-property use-recent-az-powershell-version use-recognized-resource-type
use-resource-symbol-reference use-safe-access use-secure-value-for-secure-inputs use-stable-resource-identifiers
use-stable-vm-image explicit-values-for-loc-params no-hardcoded-location no-hardcoded-outputs
no-loc-expr-outside-params no-module-name use-description-outputs use-description-params
use-description-type-properties use-description-types use-description-vars use-resource-id-functions
use-user-defined-types what-if-short-circuiting`.split(/\s+/);

/** Exit status and all that was said. */
function run(command: string, args: readonly string[], env = process.env): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env });
    const said: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    child.on('error', reject);
    child.on('exit', (status) => resolve(`${status}: ${Buffer.concat(said).toString().trim()}`));
  });
}
