import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { azureCredential } from '../../azure-credential';
import type { Finding } from '../../doctor';
import { type CliIo, lineOf } from '../io';
import { verify } from '../verify';
import { type ArmResource, createResourceManager, type GetToken } from '../verify/resource-manager';

interface Flags {
  readonly resourceGroup: string;
  readonly subscription?: string;
  readonly cache?: string;
  readonly expect?: string;
  readonly selfCheck: boolean;
  readonly endpoint: string;
  readonly json?: boolean;
}

/** What the command reaches the outside by; tests pass their own. */
export type VerifyPorts = { readonly getToken: GetToken; readonly fetch: typeof fetch };

/** `cache-steward verify`: holds a live deployment against what it should be; exits 1 if something is wrong. */
export function registerVerify(program: Command, io: CliIo, ports: VerifyPorts = azure): void {
  program
    .command('verify')
    .description('Check a deployment on Azure: the cache, its network, who watches it, and the app from inside.')
    .requiredOption('--resource-group <name>', 'the resource group that was deployed to')
    .option('--subscription <id>', 'its subscription (default: AZURE_SUBSCRIPTION_ID)')
    .option('--cache <name>', 'the cache, if the group has several')
    .option('--expect <file>', 'a snapshot (infra/params/*.snapshot.json): compare tier, shards and durability with it')
    .option('--no-self-check', 'do not make the app check itself')
    .option('--endpoint <url>', 'Resource Manager of another cloud', 'https://management.azure.com')
    .option('--json', 'print one object instead of lines')
    .action(async (flags: Flags) => {
      const subscriptionId = flags.subscription ?? io.env.AZURE_SUBSCRIPTION_ID;
      if (!subscriptionId) {
        io.err('Expected --subscription or AZURE_SUBSCRIPTION_ID to name the subscription, got neither');
        io.exit(2);
        return;
      }
      const findings = await verify({
        arm: createResourceManager({ endpoint: flags.endpoint, ...ports }),
        subscriptionId,
        resourceGroup: flags.resourceGroup,
        cacheName: flags.cache,
        snapshot: flags.expect === undefined ? undefined : await readSnapshot(flags.expect),
        selfCheck: flags.selfCheck,
        fetch: ports.fetch,
      });
      print(findings, flags.json === true, io);
    });
}

function print(findings: readonly Finding[], json: boolean, io: CliIo): void {
  const wrong = findings.filter(({ state }) => state === 'error').length;
  if (json) io.out(JSON.stringify({ ok: wrong === 0, wrong, findings }, null, 2));
  else {
    for (const each of findings) io.out(`${lineOf(each)}${each.advice === undefined ? '' : `: ${each.advice}`}`);
    io.out(`${findings.length} checks: ${wrong} wrong`);
  }
  io.exit(wrong === 0 ? 0 : 1);
}

const readSnapshot = async (file: string): Promise<readonly ArmResource[]> =>
  (JSON.parse(await readFile(file, 'utf8')) as { predictedResources: ArmResource[] }).predictedResources;

/** The caller's own sign-in: the Azure CLI's, a managed identity's, or what else DefaultAzureCredential finds. */
const azure: VerifyPorts = {
  async getToken(scope) {
    const token = await (await azureCredential(undefined)).getToken(scope);
    if (token === null) throw new Error('Entra returned no token for Azure Resource Manager');
    return token.token;
  },
  fetch: (...args) => fetch(...args),
};
