import { readFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { certificateFor } from '../../local/servers/certificates';
import { createSecrets, keyVaultSecrets } from '../../src/redis';
import { azureTokens, entraCredentials } from '../../src/redis/auth/entra';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const closing: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

async function listening(server: ReturnType<typeof createHttp>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

const answer = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers });
  response.end(JSON.stringify(body));
};

/** The endpoint that App Service and Functions give their apps for managed identities (api-version 2019-08-01). */
async function identityEndpoint(expiresInSeconds: number) {
  const asked: { resource: string | null; clientId: string | null; header: string | undefined }[] = [];
  const handle: Handler = (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const header = request.headers['x-identity-header'] as string | undefined;
    asked.push({ resource: searchParams.get('resource'), clientId: searchParams.get('client_id'), header });
    const expires = Math.floor(Date.now() / 1e3) + expiresInSeconds;
    answer(response, 200, {
      access_token: `token-${asked.length}`,
      expires_on: `${expires}`,
      resource: searchParams.get('resource'),
      token_type: 'Bearer',
    });
  };
  const port = await listening(createHttp(handle));
  return { asked, url: `http://127.0.0.1:${port}/msi/token` };
}

describe('Entra', () => {
  const environment = { ...process.env };
  afterEach(() => {
    process.env = { ...environment };
  });

  test('the app’s identity gives a token for Redis, by Microsoft’s own SDK', async () => {
    const endpoint = await identityEndpoint(3_600);
    process.env.IDENTITY_ENDPOINT = endpoint.url;
    process.env.IDENTITY_HEADER = 'header-of-the-platform';
    const { token, expiresOnTimestamp } = await azureTokens('11111111-0000-4000-8000-000000000001').getToken();
    expect(token).toBe('token-1');
    expect(expiresOnTimestamp).toBeGreaterThan(Date.now() + 3_500_000);
    expect(endpoint.asked).toEqual([
      {
        resource: 'https://redis.azure.com',
        clientId: '11111111-0000-4000-8000-000000000001',
        header: 'header-of-the-platform',
      },
    ]);
  });

  test('the user is the object id, and the token is renewed within its life, three minutes ahead at the latest', async () => {
    const hour = 3_600_000;
    let token = 'one';
    const now = Date.now();
    const tokens = { getToken: async () => ({ token, expiresOnTimestamp: now + hour }) };
    const source = entraCredentials({ objectId: 'object-id', tokens, random: () => 0 });
    const first = await source.read();
    expect(first).toMatchObject({ username: 'object-id', password: 'one' });
    expect((first.renewAt - now) / hour).toBeCloseTo(0.75, 2);
    const same = await source.read();
    expect(same.renewAt - Date.now()).toBeLessThanOrEqual(30_000);
    token = 'two';
    const late = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 7 * 60_000 }) };
    const soon = await entraCredentials({ objectId: 'x', tokens: late, random: () => 0 }).read();
    expect(soon.renewAt - Date.now()).toBeLessThanOrEqual(4 * 60_000);
  });

  test('without an object id the message names the setting', () => {
    expect(() => entraCredentials({ objectId: undefined, tokens: azureTokens(undefined) })).toThrow(
      /^REDIS_ENTRA_USER is not set:/,
    );
  });
});

describe('Key Vault', () => {
  test('secrets are read by Microsoft’s own SDK; what isn’t there is an E_SECRET that shows no value', async () => {
    const dir = await certificateFor(['localhost']);
    const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFileSync(join(dir, name), 'utf8'));
    const secrets = new Map([
      ['redis-access-key', 'the-key'],
      ['session-secret', 'newest,older'],
    ]);
    const handle: Handler = (request, response) => {
      if (request.headers.authorization !== 'Bearer vault-token') {
        const challenge =
          'Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://localhost"';
        answer(response, 401, { error: { code: 'Unauthorized' } }, { 'www-authenticate': challenge });
        return;
      }
      const [, , name] = new URL(request.url ?? '', 'https://localhost').pathname.split('/');
      const value = secrets.get(name ?? '');
      const id = `https://localhost/secrets/${name}/0123456789abcdef`;
      if (value === undefined) answer(response, 404, { error: { code: 'SecretNotFound', message: 'not found' } });
      else answer(response, 200, { value, id, attributes: { enabled: true } });
    };
    const port = await listening(createHttps({ cert, key }, handle));
    const scopes: unknown[] = [];
    const credential = {
      getToken: async (scope: string | string[]) => {
        scopes.push(scope);
        return { token: 'vault-token', expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const store = keyVaultSecrets({
      vaultUrl: `https://localhost:${port}`,
      clientId: undefined,
      credential,
      clientOptions: { disableChallengeResourceVerification: true, tlsOptions: { ca } } as never,
    });
    const manager = createSecrets({ store, host: 'redis.example.net', port: 6380, keySecret: 'redis-access-key' });
    expect(await manager.getRedisConfig()).toEqual({ host: 'redis.example.net', port: 6380, password: 'the-key' });
    expect(await manager.getSecret('session-secret')).toBe('newest,older');
    expect(scopes.length).toBeGreaterThan(0);
    await expect(manager.getSecret('absent')).rejects.toMatchObject({
      code: 'E_SECRET',
      message: `the secret "absent" can't be read from https://localhost:${port}`,
    });
  });
});
