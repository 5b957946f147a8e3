import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as forward } from 'node:https';
import { join } from 'node:path';
import { MINUTE } from '../../src/clock';
import type { Directory } from './identity';
import { closing, listening } from './listening';
import { type Grant, mayDo, type Operation } from './roles';

export interface AzureOptions {
  readonly directory: Directory;
  readonly grants: readonly Grant[];
  /** Names of those who ask, by object id. */
  readonly principals: Readonly<Record<string, string>>;
  /** Folder of the certificate that carries every name. */
  readonly tlsDir: string;
  /** Resource id of the storage account, and the ports of the emulator behind it, by service. */
  readonly account: { readonly id: string; readonly ports: Readonly<Record<'blob' | 'queue' | 'table', number>> };
  readonly vaultId: string;
}

/** What stands for Azure's services, on one port: it knows by the host name which one is meant. */
export interface Azure {
  readonly port: number;
  /** What was asked for without the right to it, or of a service that isn't there: `app 403 GET https://...`. */
  readonly refused: readonly string[];
  /** Requests to Azure Monitor and Key Vault that were answered: `app GET /secrets/...`. */
  readonly answered: readonly string[];
  stop(): Promise<void>;
}

const audiences = {
  blob: 'https://storage.azure.com',
  queue: 'https://storage.azure.com',
  table: 'https://storage.azure.com',
  vault: 'https://vault.azure.net',
  management: 'https://management.azure.com',
} as const;

/** Checks whose token it is and whether the deployment's role assignments let him do that, then answers as the service. */
export async function startAzure(options: AzureOptions): Promise<Azure> {
  const read = (name: string) => readFileSync(join(options.tlsDir, name));
  const [cert, key, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map(read);
  const refused: string[] = [];
  const answered: string[] = [];

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    // Azure Monitor's SDK begins paths with two slashes.
    const url = new URL((request.url ?? '/').replace(/^\/+/, '/'), `https://${host}`);
    const service = serviceOf(host);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const principal = service && options.directory.holder(token, audiences[service]);
    const refuse = (status: number, code: string, headers = {}) => {
      // The first request to a vault comes without a token, to learn from the challenge which one is wanted.
      const who = options.principals[principal ?? ''] ?? 'somebody';
      if (!(status === 401 && service === 'vault')) refused.push(`${who} ${status} ${request.method} ${url.href}`);
      request.resume();
      response
        .writeHead(status, { 'content-type': 'application/json', 'x-ms-error-code': code, ...headers })
        .end(JSON.stringify({ error: { code, message: `${code}, says the double` } }));
    };
    if (service === undefined) return refuse(404, 'NoSuchHost');
    if (principal === undefined) {
      const challenge = `Bearer authorization="https://login.microsoftonline.com/t", resource="${audiences[service]}"`;
      return refuse(401, 'InvalidAuthenticationInfo', { 'www-authenticate': challenge });
    }
    const operation = {
      service,
      method: request.method ?? 'GET',
      path: url.pathname,
      target: targetOf(service, url, options),
    };
    if (!mayDo(options.grants, principal, operation)) return refuse(403, 'AuthorizationPermissionMismatch');
    if (service === 'blob' || service === 'queue' || service === 'table') {
      return void pass(request, response, { host, port: options.account.ports[service], ca });
    }
    answered.push(`${options.principals[principal]} ${request.method} ${url.pathname}`);
    const send = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const body = service === 'vault' ? secret(url) : metrics(url);
    return body ? void send(200, body) : void send(404, { error: { code: 'SecretNotFound', message: 'not found' } });
  };

  const server = createServer({ cert, key }, answer);
  const port = await listening(server);
  return { port, refused, answered, stop: closing(server) };
}

function serviceOf(host: string): Operation['service'] | undefined {
  if (host === 'management.azure.com') return 'management';
  if (host.endsWith('.vault.azure.net')) return 'vault';
  const [, service] = /^[a-z0-9]+\.(blob|queue|table)\.core\.windows\.net$/.exec(host) ?? [];
  return service as Operation['service'] | undefined;
}

/** Resource id of what a request touches. */
function targetOf(service: Operation['service'], { pathname }: URL, { account, vaultId }: AzureOptions): string {
  const [, first = ''] = pathname.split('/');
  if (service === 'management') return pathname;
  if (service === 'vault') return vaultId;
  const kind = { blob: 'containers', queue: 'queues', table: 'tables' }[service];
  return `${account.id}/${service}Services/default${first ? `/${kind}/${first}` : ''}`;
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  to: { readonly host: string; readonly port: number; readonly ca: Buffer | undefined },
): Promise<void> {
  const headers = { ...request.headers };
  const body = request.url?.startsWith('/$batch') ? await batch(request, to.host) : undefined;
  if (body) headers['content-length'] = String(body.length);
  const onward = forward(
    {
      ...{ host: '127.0.0.1', port: to.port, servername: to.host, ca: to.ca },
      ...{ method: request.method, path: request.url, headers },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  onward.on('error', () => response.destroy());
  if (body) onward.end(body);
  else request.pipe(onward);
}

/** In the parts of a batch Azurite looks for the account's name in the path, where only an emulator has it. */
async function batch(request: IncomingMessage, host: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const [account] = host.split('.');
  return Buffer.from(Buffer.concat(chunks).toString().replaceAll(`https://${host}/`, `https://${host}/${account}/`));
}

/** The secret of session cookies has one version; there is no other. */
function secret(url: URL): object | undefined {
  const [, , name, version] = url.pathname.split('/');
  if (name !== 'session-secret') return undefined;
  const id = `${url.origin}/secrets/session-secret/${'0'.repeat(32)}`;
  const attributes = { enabled: true, created: 1_790_000_000, updated: 1_790_000_000 };
  return version === 'versions'
    ? { value: [{ id, attributes }], nextLink: null }
    : { id, attributes, value: 'a-secret-of-session-cookies' };
}

/** A point a metric and minute, as Azure Monitor's REST gives them. */
function metrics({ pathname, searchParams }: URL): object {
  const dimension = /^(\w+) eq/.exec(searchParams.get('$filter') ?? '')?.[1];
  const minute = Math.floor(Date.now() / MINUTE) * MINUTE - 2 * MINUTE;
  const timeseries = {
    metadatavalues: dimension ? [{ name: { value: dimension, localizedValue: dimension }, value: '0' }] : [],
  };
  const point = { timeStamp: new Date(minute).toISOString(), average: 400, maximum: 40, total: 4 };
  const value = (searchParams.get('metricnames') ?? '').split(',').map((name) => ({
    ...{ id: `${pathname}/${name}`, type: 'Microsoft.Insights/metrics', unit: 'Count', errorCode: 'Success' },
    name: { value: name, localizedValue: name },
    // A single error is an alert.
    timeseries: [{ ...timeseries, data: [name === 'errors' ? { ...point, maximum: 0 } : point] }],
  }));
  const timespan = searchParams.get('timespan') ?? '';
  return { cost: 0, timespan, interval: 'PT1M', value };
}
