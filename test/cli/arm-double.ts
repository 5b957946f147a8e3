import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Health } from '../../src/monitoring';
import type { SelfCheckReport } from '../../src/self-check';
import { at, type ParameterFile, type Resource, readSnapshot } from '../infra/infra';

type Live = Record<string, unknown> & { id: string; type: string; name: string; properties: Record<string, unknown> };

/** What a fault of the deployment looks like: changes what Resource Manager answers. */
export type Spoil = (resources: Map<string, Live>) => void;

/**
 * Speaks Resource Manager's REST for the resources that a parameter file deploys, and the function app's own endpoint:
 * bearer tokens, API versions, pages of two with a next link, and a 429 before the first answer.
 */
export class ArmDouble {
  readonly resources = new Map<string, Live>();
  readonly seen: string[] = [];
  readonly #server: Server;
  #throttled = false;
  report: SelfCheckReport;
  health: Pick<Health, 'status' | 'faults'> = { status: 'ok', faults: [] };
  url = '';
  /** Status of the app's answer, where it isn't its own: 403 for an address that isn't allowed. */
  appStatus = 200;

  constructor(name: ParameterFile) {
    for (const resource of readSnapshot(name)) this.#add(toLive(resource));
    for (const endpoint of this.ofType('Microsoft.Network/privateEndpoints')) this.#add(networkInterface(endpoint));
    this.report = {
      ok: true,
      host: 'redis-oversight-prod.eastus.redis.azure.net',
      addresses: ['10.20.5.4'],
      checks: [
        { name: 'resolves', state: 'ok', ok: true, detail: 'to 10.20.5.4' },
        { name: 'sessions', state: 'ok', ok: true, detail: 'made, read, changed and destroyed one' },
        { name: 'cache', state: 'ok', ok: true, detail: 'set, read and deleted an entry' },
      ],
    };
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  ofType(type: string): Live[] {
    return [...this.resources.values()].filter((resource) => resource.type.toLowerCase() === type.toLowerCase());
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The real fetch, for which the app's name leads here. */
  readonly fetch: typeof fetch = (input, init) =>
    fetch(String(input).replace(/^https:\/\/func-[^/]+\.azurewebsites\.net/, `${this.url}/app`), init);

  #add(resource: Live): void {
    this.resources.set(resource.id.toLowerCase(), resource);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    this.seen.push(`${request.method} ${url.pathname}`);
    const send = (status: number, body: unknown, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const page = { '/app/api/selfCheck': this.report, '/app/api/health/detail': this.health }[url.pathname];
    if (page !== undefined) {
      const known = request.method === 'GET' && request.headers['x-functions-key'] === 'the-key';
      return void send(known ? this.appStatus : 401, known ? page : {});
    }
    if (request.headers.authorization !== 'Bearer a-token') return void send(401, failure('AuthenticationFailed'));
    if (!this.#throttled) {
      this.#throttled = true;
      return void send(429, failure('TooManyRequests'), { 'retry-after': '0' });
    }
    const path = decodeURIComponent(url.pathname).toLowerCase();
    if (!/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(url.searchParams.get('api-version') ?? '')) {
      return void send(400, failure('MissingApiVersionParameter'));
    }
    if (request.method === 'POST' && /\/functions\/(selfcheck|healthdetail)\/listkeys$/.test(path)) {
      return void send(200, { default: 'the-key' });
    }
    const found = this.resources.get(path);
    if (found) return void send(200, found);
    const members = [...this.resources.values()].filter(({ id }) => id.toLowerCase().replace(/\/[^/]+$/, '') === path);
    const from = Number(url.searchParams.get('from') ?? 0);
    const next = new URL(url);
    next.searchParams.set('from', String(from + 2));
    const more = members.length > from + 2;
    return void send(200, { value: members.slice(from, from + 2), ...(more ? { nextLink: next.href } : {}) });
  }
}

const failure = (code: string) => ({ error: { code, message: `${code}, says the double` } });

/** A resource as it is once deployed. */
function toLive(resource: Resource): Live {
  const properties: Record<string, unknown> = { provisioningState: 'Succeeded', ...resource.properties };
  const live = { ...resource, properties } as Live;
  if (resource.type === 'Microsoft.Web/sites') properties.defaultHostName = `${resource.name}.azurewebsites.net`;
  if (resource.type.endsWith('/virtualNetworkLinks')) properties.virtualNetworkLinkState = 'Completed';
  if (resource.type === 'Microsoft.Network/privateEndpoints') {
    properties.networkInterfaces = [{ id: `${resource.id}/nic` }];
    for (const connection of properties.privateLinkServiceConnections as { properties: Record<string, unknown> }[]) {
      connection.properties.privateLinkServiceConnectionState = { status: 'Approved' };
    }
  }
  if (resource.type === 'Microsoft.Cache/redisEnterprise/databases') {
    const linked = at(resource, 'properties.geoReplication.linkedDatabases') as { state?: string }[] | undefined;
    for (const database of linked ?? []) database.state = 'Linked';
  }
  if (resource.type === 'Microsoft.Cache/redis' && !resource.zones && !resource.name.endsWith('-secondary')) {
    properties.linkedServers = [{ id: `${resource.id}/linkedServers/${resource.name}-secondary` }];
  }
  return live;
}

function networkInterface(endpoint: Live): Live {
  const privateIPAddress = at(endpoint, 'properties.ipConfigurations.0.properties.privateIPAddress');
  return {
    id: `${endpoint.id}/nic`,
    type: 'Microsoft.Network/networkInterfaces',
    name: 'nic',
    properties: { ipConfigurations: [{ properties: { privateIPAddress } }] },
  };
}
