import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { Redis } from 'ioredis';
import {
  findRedis6,
  type Program,
  type RunningCluster,
  startAzurite,
  startPglite,
  startRedisCluster,
} from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';
import { at, ofType, only, type Resource } from '../infra/infra';
import { deployedSettings, guidOf, type OperatorParameters, propertyOf } from './app-settings';
import { startAzure } from './azure';
import { Directory, type Identity, startIdentityEndpoint } from './identity';
import type { NetworkTable } from './network.cjs';
import { clientGrants, grantsOf } from './roles';
import { evaluate } from './template-expression';
import { startWebhook, type Webhook } from './webhook';

/** A deployment's resources, as local servers that stand for them. */
export interface Platform {
  readonly network: NetworkTable;
  /** Certificates that every process must trust. */
  readonly caFile: string;
  /** Name of the function app. */
  readonly siteName: string;
  /** What the platform sets for the app beside its app settings. */
  readonly appEnvironment: Readonly<Record<string, string>>;
  /** The app settings of the deployment. */
  readonly settings: Readonly<Record<string, string>>;
  /** The settings of a web app of the deployment, as docs/deploying.md says, and its identity. */
  readonly webEnvironment: Readonly<Record<string, string>>;
  /** Of one who may do everything: for a test that looks at what came of it. */
  readonly adminEnvironment: Readonly<Record<string, string>>;
  readonly webhook: Webhook;
  /** Requests that were refused for want of a right: `app 403 GET https://...`. */
  readonly refused: readonly string[];
  /** Requests to Azure Monitor and Key Vault that were answered. */
  readonly answered: readonly string[];
  /** Rejects if Redis refused somebody a command or a key. */
  stop(): Promise<void>;
}

/** Addresses that are not the deployment's own: a database, a chat, Azure Monitor. */
const DATABASE_HOST = 'psql-oversight-prod.postgres.database.azure.com';
const WEBHOOK_HOST = 'hooks.example.com';
const PUBLIC = { 'management.azure.com': '203.0.113.10', [WEBHOOK_HOST]: '203.0.113.11', [DATABASE_HOST]: '10.20.7.4' };
const SHARDS = 3;
/** The eviction policy of every parameter file. */
const MEMORY = ['--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru'];

/** Secrets of the test's own deployment: none of them may ever be printed. */
export const SECRETS = { database: 'a-password-of-the-database', webhook: 'a-key-of-the-webhook', signing: 'a-secret' };

/** Undefined if Redis 6.0, which Premium is, is not available. */
export async function startPlatform(
  resources: readonly Resource[],
  operator: OperatorParameters = {},
): Promise<Platform | undefined> {
  const isPremium = ofType(resources, 'Microsoft.Cache/redis').length > 0;
  const program = isPremium ? await findRedis6() : undefined;
  if (isPremium && !program) return undefined;

  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    const ended = await Promise.allSettled(stops.splice(0).map((end) => end()));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  };
  const started = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    stops.push(() => server.stop());
    return server;
  };

  try {
    const account = only(resources, 'Microsoft.Storage/storageAccounts', accountOf(resources));
    const vault = only(resources, 'Microsoft.KeyVault/vaults');
    const settings = deployedSettings(resources, {
      databaseUrl: `postgres://steward:${SECRETS.database}@${DATABASE_HOST}:5432/postgres`,
      alertWebhookUrl: `https://${WEBHOOK_HOST}/${SECRETS.webhook}`,
      alertWebhookSecret: SECRETS.signing,
      ...operator,
    });
    const redisUrl = new URL(settings.REDIS_URL ?? 'rediss://no-redis.example.net:1');
    const { addresses, endpoints } = addressesOf(resources);
    const names = [...Object.keys(addresses), 'localhost'];
    const tlsDir = await certificateFor(names);
    stops.push(() => rm(tlsDir, { recursive: true, force: true }));
    const caFile = join(tlsDir, 'ca.pem');

    const [azurite, database, redis, webhook] = await Promise.all([
      started(startAzurite({ account: account.name, tlsDir })),
      started(startPglite()),
      started(startRedisCluster({ ...sizeOf(resources), tlsDir, args: MEMORY, ...(program && { program }) })),
      started(startWebhook(tlsDir)),
    ]);

    await makeStorage(resources, azurite.connectionString, readFileSync(caFile, 'utf8'));

    const app = identityOf(resources);
    const web = { clientId: guidOf('web client'), objectId: guidOf('web principal') };
    const directory = new Directory();
    await addUsers(redis, {
      [app.objectId]: { rules: appRights(resources, program), token: redisToken(directory, app) },
      [web.objectId]: { rules: webRights(resources, program), token: redisToken(directory, web) },
    });
    const appEndpoint = await started(startIdentityEndpoint(directory, app));
    const webEndpoint = await started(startIdentityEndpoint(directory, web));
    const evaluated = (text: string) =>
      evaluate(text, {
        reference: (id, path) => propertyOf(resources.find((one) => one.id === id) ?? only([], id), path),
        parameter: () => '',
      });
    const azure = await started(
      startAzure({
        principals: { [app.objectId]: 'app', [web.objectId]: 'web' },
        ...{ directory, tlsDir, vaultId: vault.id, account: { id: account.id, ports: azurite.ports } },
        grants: [...grantsOf(resources, evaluated), ...clientGrants(web.objectId, account.id, vault.id)],
      }),
    );

    const databasePort = Number(new URL(database.url).port);
    const network: NetworkTable = {
      addresses,
      routes: {
        ...Object.fromEntries(endpoints.map((address) => [`${address}:443`, azure.port])),
        [`${addresses[redisUrl.hostname]}:${redisUrl.port}`]: redis.nodes[0]?.port ?? 0,
        [`${PUBLIC['management.azure.com']}:443`]: azure.port,
        [`${PUBLIC[WEBHOOK_HOST]}:443`]: webhook.port,
        [`${PUBLIC[DATABASE_HOST]}:5432`]: databasePort,
      },
    };
    return {
      ...{ network, caFile, settings, webhook, stop },
      refused: azure.refused,
      answered: azure.answered,
      siteName: only(resources, 'Microsoft.Web/sites').name,
      appEnvironment: appEndpoint.environment,
      webEnvironment: {
        ...webEndpoint.environment,
        ...pick(settings, ['REDIS_URL', 'REDIS_MODE', 'REDIS_AUTH', 'KEY_VAULT_URL', 'DATABASE_URL']),
        ...pick(settings, ['AzureWebJobsStorage__queueServiceUri', 'AzureWebJobsStorage__blobServiceUri']),
        AzureWebJobsStorage__clientId: web.clientId,
        REDIS_ENTRA_USER: web.objectId,
      },
      adminEnvironment: {
        ...redis.environments.admin,
        AzureWebJobsStorage: azurite.connectionString,
        DATABASE_URL: database.url,
        CACHE_NAME: settings.CACHE_NAME ?? '',
      },
    };
  } catch (error: unknown) {
    await stop().catch(() => {});
    throw error;
  }
}

const pick = (from: Readonly<Record<string, string>>, names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

const redisToken = (directory: Directory, identity: Identity) => directory.token(identity, 'https://redis.azure.com');

/** The app's account: a Premium cache's snapshots go to another one. */
function accountOf(resources: readonly Resource[]): string {
  const [account] = ofType(resources, 'Microsoft.Storage/storageAccounts/queueServices');
  return account?.name.split('/')[0] ?? '';
}

/** The queues and containers that the deployment makes. */
async function makeStorage(resources: readonly Resource[], connectionString: string, ca: string): Promise<void> {
  // Its pipeline takes them, its type leaves them out.
  const options: object = { tlsOptions: { ca } };
  const account = accountOf(resources);
  const named = (kind: string) =>
    ofType(resources, `Microsoft.Storage/storageAccounts/${kind}`)
      .map(({ name }) => name.split('/'))
      .filter(([owner]) => owner === account)
      .map(([, , name = '']) => name);
  const queues = QueueServiceClient.fromConnectionString(connectionString, options);
  const blobs = BlobServiceClient.fromConnectionString(connectionString, options);
  await Promise.all([
    ...named('queueServices/queues').map((name) => queues.createQueue(name)),
    ...named('blobServices/containers').map((name) => blobs.createContainer(name)),
  ]);
}

/** The identity that the app's site has. */
function identityOf(resources: readonly Resource[]): Identity {
  const ids = Object.keys(at(only(resources, 'Microsoft.Web/sites'), 'identity.userAssignedIdentities') as object);
  const identity = resources.find(({ id }) => ids.includes(id));
  if (!identity) throw new Error('Expected an identity of the app among the resources, found none');
  return { clientId: propertyOf(identity, ['clientId']), objectId: propertyOf(identity, ['principalId']) };
}

/** What the network's names resolve to: private endpoints to their addresses, whoever is public to one of their own. */
function addressesOf(resources: readonly Resource[]) {
  const endpoints = ofType(resources, 'Microsoft.Network/privateEndpoints').map((endpoint) => {
    const { groupId, privateIPAddress } = at(endpoint, 'properties.ipConfigurations.0.properties') as Record<
      'groupId' | 'privateIPAddress',
      string
    >;
    const id = at(endpoint, 'properties.privateLinkServiceConnections.0.properties.privateLinkServiceId');
    const target = resources.find((one) => one.id === id) ?? only([], String(id));
    const isCache = target.type.startsWith('Microsoft.Cache/');
    const property = { vault: ['vaultUri'] }[groupId] ?? (isCache ? ['hostName'] : ['primaryEndpoints', groupId]);
    const host = propertyOf(target, property).replace(/^https:\/\/|\/$/g, '');
    return { host, address: privateIPAddress, isCache };
  });
  return {
    addresses: { ...PUBLIC, ...Object.fromEntries(endpoints.map(({ host, address }) => [host, address])) } as Readonly<
      Record<string, string>
    >,
    endpoints: endpoints.filter(({ isCache }) => !isCache).map(({ address }) => address),
  };
}

/** A Premium cache says its shards and replicas; Azure Managed Redis makes as many as it likes, the smallest one. */
function sizeOf(resources: readonly Resource[]) {
  const [premium] = ofType(resources, 'Microsoft.Cache/redis');
  if (!premium) {
    const [managed] = ofType(resources, 'Microsoft.Cache/redisEnterprise');
    return { masters: /_B[01]$/.test(String(managed && at(managed, 'sku.name'))) ? 1 : SHARDS };
  }
  const count = (name: string) => Number(at(premium, `properties.${name}`));
  return { masters: count('shardCount'), replicas: count('replicasPerPrimary') };
}

/** The permissions of a Premium cache's policy; Azure Managed Redis has none of its own, so the published ones. */
function appRights(resources: readonly Resource[], program: Program | undefined): string[] {
  const [assignment] = ofType(resources, 'Microsoft.Cache/redis/accessPolicyAssignments');
  const policy = assignment && String(at(assignment, 'properties.accessPolicyName'));
  return policy ? policyRights(resources, policy) : aclRules(COMMANDS.app, undefined, channels(program));
}

function webRights(resources: readonly Resource[], program: Program | undefined): string[] {
  return program ? policyRights(resources, 'steward-client') : aclRules(COMMANDS.web, undefined, channels(program));
}

function policyRights(resources: readonly Resource[], policy: string): string[] {
  const found = ofType(resources, 'Microsoft.Cache/redis/accessPolicies').find(({ name }) =>
    name.endsWith(`/${policy}`),
  );
  return String(found && at(found, 'properties.permissions')).split(' ');
}

const channels = (program: Program | undefined) => (program?.channelRights === false ? [] : undefined);

async function addUsers(
  { nodes }: RunningCluster,
  users: Readonly<Record<string, { readonly rules: readonly string[]; readonly token: string }>>,
): Promise<void> {
  for (const { adminUrl } of nodes) {
    const admin = new Redis(adminUrl, { tls: { rejectUnauthorized: false } });
    try {
      for (const [name, { rules, token }] of Object.entries(users)) {
        await admin.call('ACL', 'SETUSER', name, 'on', `>${token}`, ...rules);
      }
    } finally {
      admin.disconnect();
    }
  }
}
