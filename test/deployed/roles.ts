import { ofType, type Resource } from '../infra/infra';

/** A request to a resource, as its authorization sees it. */
export interface Operation {
  readonly service: 'blob' | 'queue' | 'table' | 'vault' | 'management';
  readonly method: string;
  readonly path: string;
  /** Resource id of what is touched. */
  readonly target: string;
}

/** Who has which role on what. */
export interface Grant {
  readonly principalId: string;
  /** Resource id; the role holds for all below it. */
  readonly scope: string;
  /** Id of the role definition. */
  readonly role: string;
}

const isRead = ({ method }: Operation) => method === 'GET' || method === 'HEAD';

/** The data actions of the platform's roles that the template assigns. */
const allows: Readonly<Record<string, (operation: Operation) => boolean>> = {
  // Storage Blob Data Owner, and Contributor
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': ({ service }) => service === 'blob',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': ({ service }) => service === 'blob',
  // Storage Queue Data Contributor, Reader, Message Sender
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': ({ service }) => service === 'queue',
  '19e7f393-937e-4f77-808e-94535e297925': (operation) => operation.service === 'queue' && isRead(operation),
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': ({ service, method, path }) =>
    service === 'queue' && method === 'POST' && path.endsWith('/messages'),
  // Storage Table Data Contributor
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': ({ service }) => service === 'table',
  // Key Vault Secrets User
  '4633458b-17de-408a-b874-0445c86b69e6': (operation) => operation.service === 'vault' && isRead(operation),
  // Monitoring Reader
  '43d0d8ad-25c7-4714-9337-8ba259a9fe05': (operation) => operation.service === 'management' && isRead(operation),
};

export function mayDo(grants: readonly Grant[], principalId: string, operation: Operation): boolean {
  return grants.some(
    (grant) =>
      grant.principalId === principalId &&
      `${operation.target}/`.toLowerCase().startsWith(`${grant.scope}/`.toLowerCase()) &&
      allows[grant.role]?.(operation),
  );
}

/** The role assignments of a deployment. Expressions are left to `evaluated`. */
export function grantsOf(resources: readonly Resource[], evaluated: (text: string) => string): Grant[] {
  return ofType(resources, 'Microsoft.Authorization/roleAssignments').map(({ id, properties = {} }) => ({
    principalId: evaluated(String(properties.principalId)),
    scope: id.slice(0, id.indexOf('/providers/Microsoft.Authorization/')),
    role: String(properties.roleDefinitionId).split('/').at(-1) ?? '',
  }));
}

/** What modules/roles.bicep assigns to a web app: one entry of `clients` that has an identity. */
export function clientGrants(principalId: string, accountId: string, vaultId: string): Grant[] {
  const journal = `${accountId}/queueServices/default/queues/write-behind`;
  const claims = `${accountId}/blobServices/default/containers/steward-claims`;
  return [
    { principalId, scope: journal, role: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a' },
    { principalId, scope: journal, role: '19e7f393-937e-4f77-808e-94535e297925' },
    { principalId, scope: claims, role: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' },
    { principalId, scope: vaultId, role: '4633458b-17de-408a-b874-0445c86b69e6' },
  ];
}
