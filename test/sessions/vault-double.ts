import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { certificateFor } from '../../local/servers/certificates';

interface Version {
  readonly id: string;
  readonly value: string;
  readonly created: number;
  enabled: boolean;
}

/** Key Vault's secrets as its REST interface shows them, over TLS, with the challenge that it begins with. */
export interface VaultDouble {
  readonly url: string;
  /** What the SDK needs to trust it. */
  readonly ca: string;
  readonly versions: Version[];
  readonly requests: string[];
  /** The clock of the vault, in seconds; a version is stamped with it. */
  now: number;
  close(): Promise<void>;
}

/** A page of a list holds this many, so that a list of a few has a next page. */
const PAGE = 2;

export async function startVault(): Promise<VaultDouble> {
  const dir = await certificateFor(['localhost']);
  const read = (name: string) => readFile(join(dir, name), 'utf8');
  const [cert, key, ca] = await Promise.all([read('cert.pem'), read('key.pem'), read('ca.pem')]);
  const versions: Version[] = [];
  const requests: string[] = [];
  const vault = { now: 1_790_000_000 };
  const attributes = ({ enabled, created }: Version) => ({ enabled, created, updated: created });
  const idOf = ({ id }: Version) => `${url()}/secrets/session-secret/${id}`;
  const server = createServer({ cert, key }, async (request, response) => {
    const answer = (status: number, body: object, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const { pathname, searchParams } = new URL(request.url ?? '', url());
    if (request.headers.authorization !== 'Bearer test-token') {
      const challenge =
        'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"';
      return answer(401, {}, { 'www-authenticate': challenge });
    }
    requests.push(`${request.method} ${pathname.replace(/[0-9a-f]{32}/, '<version>')}`);
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = text ? JSON.parse(text) : {};
    const [, , name, id] = pathname.split('/');
    if (request.method === 'PUT') {
      vault.now += 1;
      const made = { id: `${versions.length}`.padStart(32, '0'), value: body.value, created: vault.now, enabled: true };
      versions.push(made);
      return answer(200, { id: idOf(made), value: made.value, attributes: attributes(made) });
    }
    if (versions.length === 0 || name !== 'session-secret') {
      return answer(404, { error: { code: 'SecretNotFound', message: 'A secret with this name was not found' } });
    }
    if (id === 'versions') {
      const from = Number(searchParams.get('$skiptoken') ?? 0);
      const value = versions.slice(from, from + PAGE).map((each) => ({ id: idOf(each), attributes: attributes(each) }));
      const more = from + PAGE < versions.length;
      const nextLink = more ? `${url()}${pathname}?api-version=7.6&$skiptoken=${from + PAGE}` : null;
      return answer(200, { value, nextLink });
    }
    const found = id ? versions.find((each) => each.id === id) : versions.at(-1);
    if (found === undefined) return answer(404, { error: { code: 'SecretNotFound', message: 'no such version' } });
    if (request.method === 'PATCH') found.enabled = body.attributes.enabled;
    else if (!found.enabled) return answer(403, { error: { code: 'Forbidden', message: 'disabled' } });
    return answer(200, { id: idOf(found), value: found.value, attributes: attributes(found) });
  });
  const url = () => `https://localhost:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: url(),
    ca,
    versions,
    requests,
    get now() {
      return vault.now;
    },
    set now(seconds) {
      vault.now = seconds;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true });
    },
  };
}
