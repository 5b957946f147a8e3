import { MINUTE, SECOND } from '../../clock';
import { RedisModeError } from '../errors';
import type { CredentialSource } from './credential-refresher';

/** Entra's tokens, as `@azure/identity` gives them. */
export interface TokenProvider {
  getToken(): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
}

export const REDIS_SCOPE = 'https://redis.azure.com/.default';

/** Azure closes a connection whose token has expired; its guide asks for a new one this long before. */
const AHEAD_MS = 3 * MINUTE;

/**
 * Signs in with a token: the user is the identity's object id. A token is renewed after three quarters of its life,
 * less up to a tenth at random, so that a fleet doesn't ask at once.
 */
export function entraCredentials(options: {
  readonly objectId: string | undefined;
  readonly tokens: TokenProvider;
  readonly random?: () => number;
}): CredentialSource {
  const { objectId, tokens, random = Math.random } = options;
  if (objectId === undefined) {
    throw new RedisModeError(
      'REDIS_ENTRA_USER: expected the object id of the identity that REDIS_AUTH=entra signs in with',
    );
  }
  let last: string | undefined;
  return {
    async read() {
      const { token, expiresOnTimestamp } = await tokens.getToken();
      const now = Date.now();
      const life = expiresOnTimestamp - now;
      // The provider may hand out the token it has until shortly before its end: ask again soon, not never.
      const again = token === last ? Math.min(30 * SECOND, life / 4) : life * (0.75 - random() * 0.1);
      last = token;
      const latest = life > 2 * AHEAD_MS ? life - AHEAD_MS : life;
      return { username: objectId, password: token, renewAt: now + Math.max(Math.min(again, latest), SECOND / 4) };
    },
  };
}

/** Tokens for Redis by the app's managed identity, or whatever DefaultAzureCredential finds. The SDK loads at first use. */
export function azureTokens(clientId: string | undefined): TokenProvider {
  let credential:
    | Promise<{ getToken(scope: string): Promise<{ token: string; expiresOnTimestamp: number } | null> }>
    | undefined;
  return {
    async getToken() {
      credential ??= azureCredential(clientId);
      const token = await (await credential).getToken(REDIS_SCOPE);
      if (token === null) throw new Error('Entra gave no token for Redis');
      return token;
    },
  };
}

/** The identity that Azure's services are reached with; `clientId` for a user-assigned one. */
export async function azureCredential(clientId: string | undefined) {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
  return clientId ? new ManagedIdentityCredential({ clientId }) : new DefaultAzureCredential();
}
