import type { TokenCredential } from '@azure/identity';

/**
 * The identity that signs in to Azure's services: the user-assigned one that `clientId` names, or what
 * DefaultAzureCredential finds. Loads the SDK at first use.
 */
export async function azureCredential(clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
  return clientId ? new ManagedIdentityCredential({ clientId }) : new DefaultAzureCredential();
}
