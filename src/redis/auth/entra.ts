import { azureCredential } from '../../azure-credential';
import { MINUTE, SECOND } from '../../clock';
import { RedisModeError } from '../errors';
import type { CredentialSource } from './credential-refresher';

/** Gives Entra tokens, as `@azure/identity` does. */
export interface TokenProvider {
  getToken(): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
}

export const REDIS_SCOPE = 'https://redis.azure.com/.default';

/** Azure closes a connection whose token has expired; its guide says to send a new one this long before. */
const AHEAD_MS = 3 * MINUTE;

/**
 * Signs in with a token; the user name is the identity's object id. A token is renewed after three quarters of its life,
 * less up to a tenth at random, so that a fleet does not renew all at once.
 */
export function entraCredentials(options: {
  readonly objectId: string | undefined;
  readonly tokens: TokenProvider;
  readonly random?: () => number;
}): CredentialSource {
  const { objectId, tokens, random = Math.random } = options;
  if (objectId === undefined) {
    const message = 'REDIS_ENTRA_USER is not set: REDIS_AUTH=entra needs the object id of the identity that signs in';
    throw new RedisModeError(message);
  }
  let last: string | undefined;
  return {
    async read() {
      const { token, expiresOnTimestamp } = await tokens.getToken();
      const now = Date.now();
      const life = expiresOnTimestamp - now;
      // The provider may return its cached token until shortly before it expires: ask again soon.
      const again = token === last ? Math.min(30 * SECOND, life / 4) : life * (0.75 - random() * 0.1);
      last = token;
      const latest = life > 2 * AHEAD_MS ? life - AHEAD_MS : life;
      return { username: objectId, password: token, renewAt: now + Math.max(Math.min(again, latest), SECOND / 4) };
    },
  };
}

/** Tokens for Redis from the app's managed identity, or from what DefaultAzureCredential finds. Loads the SDK at first use. */
export function azureTokens(clientId: string | undefined): TokenProvider {
  let credential: ReturnType<typeof azureCredential> | undefined;
  return {
    async getToken() {
      credential ??= azureCredential(clientId);
      const token = await (await credential).getToken(REDIS_SCOPE);
      if (token === null) throw new Error('Entra returned no token for Redis');
      return token;
    },
  };
}
