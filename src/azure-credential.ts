import type { TokenCredential } from '@azure/identity';
import { missing } from './optional-packages';

/**
 * The identity that signs in to Azure's services: the user-assigned one that `clientId` names, or what
 * DefaultAzureCredential finds. Loads the SDK at first use.
 */
export async function azureCredential(clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity').catch(
    missing('@azure/identity@4', 'Sign-ins with Entra'),
  );
  return clientId ? new ManagedIdentityCredential({ clientId }) : new DefaultAzureCredential();
}
