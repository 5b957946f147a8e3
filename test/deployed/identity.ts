import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { closing, listening } from './listening';

/** A user-assigned managed identity. */
export interface Identity {
  readonly clientId: string;
  readonly objectId: string;
}

const LIFE_SECONDS = 24 * 3_600;
const TENANT = '00000000-0000-0000-0000-000000000002';

/** Entra as far as resources see it: issues tokens, one an identity and resource, and tells whose a token is. */
export class Directory {
  readonly #key = randomBytes(32);
  readonly #issued = new Map<string, string>();

  /** The token of an identity for a resource, such as `https://storage.azure.com`. */
  token({ clientId, objectId }: Identity, resource: string): string {
    const audience = resource.replace(/\/$/, '');
    const known = this.#issued.get(`${objectId} ${audience}`);
    if (known) return known;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ aud: audience, iss: `https://sts.windows.net/${TENANT}/`, tid: TENANT },
      ...{ iat: now, nbf: now - 300, exp: now + LIFE_SECONDS, appid: clientId, oid: objectId, sub: objectId },
    };
    const text = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => base64(JSON.stringify(part))).join('.');
    const token = `${text}.${this.#signature(text)}`;
    this.#issued.set(`${objectId} ${audience}`, token);
    return token;
  }

  /** Object id of the identity that a token of ours was issued to, for this resource; undefined for any other text. */
  holder(token: string, resource: string): string | undefined {
    const [head = '', body = '', signature] = token.split('.');
    if (signature !== this.#signature(`${head}.${body}`)) return undefined;
    const { aud, oid } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { aud: string; oid: string };
    return aud === resource ? oid : undefined;
  }

  #signature(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64url');

export interface IdentityEndpoint {
  /** What the platform sets for an app that has an identity. */
  readonly environment: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
  /** Resources that tokens were asked for, in order. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** The endpoint that App Service and Functions give an app for its own identity (api-version 2019-08-01). */
export async function startIdentityEndpoint(directory: Directory, identity: Identity): Promise<IdentityEndpoint> {
  const secret = randomUUID();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const resource = searchParams.get('resource');
    if (request.headers['x-identity-header'] !== secret) return answer(401, { message: 'wrong X-IDENTITY-HEADER' });
    if (pathname !== '/msi/token' || searchParams.get('api-version') !== '2019-08-01' || !resource) {
      return answer(400, { statusCode: 400, message: 'expected resource and api-version 2019-08-01' });
    }
    // A user-assigned identity must be named: without a client id the system-assigned one is meant, which isn't there.
    if (searchParams.get('client_id') !== identity.clientId) {
      return answer(400, { statusCode: 400, message: 'No User Assigned or Delegated Managed Identity found' });
    }
    asked.push(resource);
    return answer(200, {
      access_token: directory.token(identity, resource),
      expires_on: String(Math.floor(Date.now() / 1000) + LIFE_SECONDS),
      resource,
      token_type: 'Bearer',
      client_id: identity.clientId,
    });
  });
  const port = await listening(server);
  return {
    environment: { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`, IDENTITY_HEADER: secret },
    asked,
    stop: closing(server),
  };
}
