import type { HostKeys } from '../host/keys';
import type { Check } from './checks';

export interface EndpointOptions {
  /** Of the functions host: `http://127.0.0.1:PORT`. */
  readonly address: string;
  /** All functions of the app, with their trigger. */
  readonly functions: readonly { readonly name: string; readonly trigger: string }[];
  /** If the host asks for keys: then each endpoint must also refuse who has none. */
  readonly keys?: HostKeys;
}

interface Endpoint {
  readonly name: string;
  readonly path: string;
  readonly level: 'anonymous' | 'function' | 'admin';
  /** Sent as a POST. */
  readonly body?: object;
  /** What the answer must hold. */
  readonly holds: RegExp;
}

const ENDPOINTS: readonly Endpoint[] = [
  { name: 'health', path: '/api/health', level: 'anonymous', holds: /^\w+\s*$/ },
  { name: 'healthDetail', path: '/api/health/detail', level: 'function', holds: /^\{/ },
  { name: 'metrics', path: '/api/metrics', level: 'function', holds: /^# TYPE /m },
  { name: 'selfCheck', path: '/api/selfCheck', level: 'function', holds: /^\{/ },
  // The page with its chart library, and the figures that it draws.
  { name: 'dashboard', path: '/api/dashboard', level: 'function', holds: /<html[\s\S]*uPlot/ },
  { name: 'dashboard', path: '/api/dashboard?data=1h', level: 'function', holds: /^\{/ },
  {
    name: 'dashboardActions',
    path: '/api/dashboard/actions',
    level: 'admin',
    // There is no such letter: it answers that, and changes nothing.
    body: { action: 'discard', letterId: 'none' },
    holds: /^\{/,
  },
];

const ANSWER_MS = 20_000;

/** Opens every HTTP function of the app, with its key and without. One check each, and one that none was left out. */
export async function checkEndpoints({ address, functions, keys }: EndpointOptions): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const endpoint of ENDPOINTS) {
    const method = endpoint.body ? 'POST' : 'GET';
    checks.push({ what: `${method} ${endpoint.path} answers`, ...(await open(address, endpoint, keys)) });
  }
  const known = new Set(ENDPOINTS.map(({ name }) => name));
  const http = functions.filter(({ trigger }) => trigger === 'httpTrigger').map(({ name }) => name);
  const missed = http.filter((name) => !known.has(name));
  checks.push({
    what: 'every HTTP function was opened',
    ok: http.length > 0 && missed.length === 0,
    found: missed.length === 0 ? `${http.length} of ${http.length}` : `not opened: ${missed.join(', ')}`,
  });
  return checks;
}

async function open(address: string, endpoint: Endpoint, keys: HostKeys | undefined): Promise<Omit<Check, 'what'>> {
  const { level, holds } = endpoint;
  try {
    const keyed = level !== 'anonymous' && keys;
    const refused = keyed ? (await request(address, endpoint)).status : undefined;
    const key = keyed ? (level === 'admin' ? keys.master : keys.function) : undefined;
    const answer = await request(address, endpoint, key);
    const text = await answer.text();
    const type = answer.headers.get('content-type')?.split(';')[0] ?? 'no content type';
    const isRight = answer.status === 200 && holds.test(text);
    const without = refused === undefined ? '' : `; ${refused} without its key`;
    return {
      ok: isRight && (refused === undefined || refused === 401),
      found: `${answer.status}, ${type}, ${size(text)}${isRight ? '' : `: ${text.slice(0, 120)}`}${without}`,
    };
  } catch (thrown: unknown) {
    return { ok: false, found: `no answer: ${thrown instanceof Error ? thrown.message : thrown}` };
  }
}

function request(address: string, { path, body }: Endpoint, key?: string): Promise<Response> {
  return fetch(`${address}${path}`, {
    headers: {
      ...(key ? { 'x-functions-key': key } : {}),
      // As the page sends its own.
      ...(body ? { 'content-type': 'application/json', 'x-steward-action': '1' } : {}),
    },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
}

const size = (text: string) => (text.length < 1_000 ? `${text.length} bytes` : `${Math.round(text.length / 1_000)} kB`);
