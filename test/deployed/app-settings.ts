import { createHash } from 'node:crypto';
import { only, type Resource } from '../infra/infra';
import { evaluate } from './template-expression';

/** What an operator gives to a deployment besides its parameter file: `databaseUrl` and the like, and `app.settings`. */
export interface OperatorParameters {
  readonly databaseUrl?: string;
  readonly alertWebhookUrl?: string;
  readonly alertWebhookSecret?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** The app settings that a deployment makes, every reference replaced by what the platform would answer. */
export function deployedSettings(
  resources: readonly Resource[],
  { settings = {}, ...parameters }: OperatorParameters = {},
): Record<string, string> {
  const given: Readonly<Record<string, string | undefined>> = parameters;
  const scope = {
    reference: (id: string, path: readonly string[]) => propertyOf(deployed(resources, id), path),
    parameter: (name: string) => given[name] ?? '',
  };
  const properties = only(resources, 'Microsoft.Web/sites/config').properties as Record<string, string>;
  const values = Object.entries(properties).map(([name, text]) => [name, evaluate(text, scope)]);
  // As modules/function-app.bicep does: an operator's settings go last.
  return { ...Object.fromEntries(values), ...settings };
}

function deployed(resources: readonly Resource[], id: string): Resource {
  const found = resources.find((resource) => resource.id === id);
  if (!found) throw new Error(`Expected a resource of the deployment, got ${id}`);
  return found;
}

/** What Azure says of a resource once it is there. Throws on what the template has no business to ask. */
export function propertyOf({ id, type, name, location }: Resource, path: readonly string[]): string {
  const properties: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'Microsoft.Storage/storageAccounts': {
      'primaryEndpoints.blob': `https://${name}.blob.core.windows.net/`,
      'primaryEndpoints.queue': `https://${name}.queue.core.windows.net/`,
      'primaryEndpoints.table': `https://${name}.table.core.windows.net/`,
    },
    'Microsoft.Cache/redis': { hostName: `${name}.redis.cache.windows.net` },
    'Microsoft.Cache/redisEnterprise': { hostName: `${name}.${location}.redis.azure.net` },
    'Microsoft.KeyVault/vaults': { vaultUri: `https://${name}.vault.azure.net/` },
    'Microsoft.ManagedIdentity/userAssignedIdentities': {
      principalId: guidOf(`${id} principal`),
      clientId: guidOf(`${id} client`),
    },
    'Microsoft.Insights/components': {
      ConnectionString: `InstrumentationKey=${guidOf(id)};IngestionEndpoint=https://${location}-0.in.applicationinsights.azure.com/`,
    },
  };
  const value = properties[type]?.[path.join('.')];
  if (value === undefined) throw new Error(`Expected a property of ${type} that Azure has, got ${path.join('.')}`);
  return value;
}

/** A GUID that is always the same for a text. */
export function guidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
