import { SECOND } from '../../clock';
import { StewardError } from '../../errors';

/** Resource Manager refused or does not answer. */
export class ResourceManagerError extends StewardError {
  readonly code = 'E_RESOURCE_MANAGER';
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export type GetToken = (scope: string) => Promise<string>;

/** A resource as Resource Manager gives it: its properties are the service's own. */
export interface ArmResource {
  readonly id: string;
  readonly name: string;
  readonly type?: string;
  readonly location?: string;
  readonly zones?: readonly string[];
  readonly sku?: { readonly name?: string };
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface ResourceManager {
  /** Undefined if there is no such resource. Throws `E_RESOURCE_MANAGER`. */
  get(id: string, apiVersion: string): Promise<ArmResource | undefined>;
  /** All pages; empty if there is no such collection. */
  list(id: string, apiVersion: string): Promise<readonly ArmResource[]>;
  post<T>(id: string, apiVersion: string): Promise<T>;
}

const TRIES = 3;

/** Azure Resource Manager over REST: the few calls that verifying needs. Waits as long as `Retry-After` says, twice. */
export function createResourceManager(options: {
  /** `https://management.azure.com` in the public cloud. */
  readonly endpoint: string;
  readonly getToken: GetToken;
  readonly fetch?: typeof fetch;
}): ResourceManager {
  const { getToken, fetch: send = fetch } = options;
  const endpoint = options.endpoint.replace(/\/$/, '');
  let token: Promise<string> | undefined;

  async function call(method: string, url: string): Promise<Response> {
    token ??= getToken(`${endpoint}/.default`);
    for (let tried = 1; ; tried += 1) {
      const headers = { authorization: `Bearer ${await token}`, accept: 'application/json' };
      const response = await send(url, { method, headers, signal: AbortSignal.timeout(30 * SECOND) });
      if ((response.status !== 429 && response.status < 500) || tried === TRIES) return response;
      const wait = Math.min(Number(response.headers.get('retry-after') ?? 1), 20);
      await new Promise((resolve) => setTimeout(resolve, wait * SECOND));
    }
  }

  async function read<T>(method: string, url: string): Promise<T | undefined> {
    const response = await call(method, url);
    if (response.status === 404) return undefined;
    const text = await response.text();
    if (!response.ok) throw new ResourceManagerError(explain(response.status, text, url), response.status);
    return JSON.parse(text) as T;
  }

  const at = (id: string, apiVersion: string) =>
    `${endpoint}${id}${id.includes('?') ? '&' : '?'}api-version=${apiVersion}`;

  return {
    get: (id, apiVersion) => read('GET', at(id, apiVersion)),
    async list(id, apiVersion) {
      const found: ArmResource[] = [];
      let next: string | undefined = at(id, apiVersion);
      while (next !== undefined) {
        const page: { value?: ArmResource[]; nextLink?: string } | undefined = await read('GET', next);
        found.push(...(page?.value ?? []));
        next = page?.nextLink;
      }
      return found;
    },
    async post<T>(id: string, apiVersion: string) {
      const answer = await read<T>('POST', at(id, apiVersion));
      if (answer === undefined) throw new ResourceManagerError(`${id}: there is no such thing`, 404);
      return answer;
    },
  };
}

function explain(status: number, text: string, url: string): string {
  let message = text.slice(0, 300);
  try {
    message = (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? message;
  } catch {
    // Not every refusal is JSON: a proxy's page is shown as it begins.
  }
  return `${new URL(url).pathname} answered ${status}: ${message}`;
}
