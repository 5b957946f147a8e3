import { coerceError } from '../../errors';
import type { SelfCheckReport } from '../../self-check';
import { type Finding, fault, ok } from '../doctor/finding';
import { api, type Context, property } from './context';

const SELF_CHECK_MS = 60_000;

/** What only the app can see, from inside the network: asks its keyed function, with a key that Resource Manager gives. */
export async function checkApp(
  { arm, group }: Context,
  endpointAddresses: readonly string[],
  send: typeof fetch,
): Promise<Finding[]> {
  const sites = await arm.list(`${group}/providers/Microsoft.Web/sites`, api.web);
  if (sites.length !== 1) {
    const detail = sites.length === 0 ? 'there is no function app' : `there are ${sites.length} apps`;
    return [fault('app.selfCheck', detail, 'deploy again, or remove the others')];
  }
  const site = sites[0] as (typeof sites)[number];
  try {
    const { default: key } = await arm.post<{ readonly default: string }>(
      `${site.id}/functions/selfCheck/listkeys`,
      api.web,
    );
    const url = `https://${property(site, 'defaultHostName')}/api/selfCheck`;
    const response = await send(url, {
      headers: { 'x-functions-key': key, 'cache-control': 'no-store' },
      signal: AbortSignal.timeout(SELF_CHECK_MS),
    });
    const text = await response.text();
    // 503 is an answer too: the report says what failed.
    if (response.status !== 200 && response.status !== 503) {
      return [fault('app.selfCheck', `${site.name} answered ${response.status}`, adviceFor(response.status))];
    }
    return judge(JSON.parse(text) as SelfCheckReport, endpointAddresses);
  } catch (thrown) {
    const advice = 'publish the app, and add your address to app.allowedAddresses';
    return [fault('app.selfCheck', `${site.name} did not answer: ${coerceError(thrown).message}`, advice)];
  }
}

function judge({ host, addresses, checks }: SelfCheckReport, endpoint: readonly string[]): Finding[] {
  const foreign = addresses.filter((address) => !endpoint.includes(address));
  const resolved =
    addresses.length > 0 && foreign.length === 0
      ? ok('app.resolves', `${host} resolves to the private endpoint, ${addresses.join(', ')}`)
      : fault(
          'app.resolves',
          `${host} resolves to ${addresses.join(', ') || 'nothing'}; the private endpoint is at ${endpoint.join(', ') || 'no address'}`,
          'link the private DNS zone to the app’s network',
        );
  const tried = checks
    .filter(({ name }) => name !== 'resolves')
    .map(({ name, ok: fine, detail }) =>
      fine
        ? ok(`app.${name}`, detail)
        : fault(`app.${name}`, detail, 'run `cache-steward doctor` with the app’s settings'),
    );
  return [resolved, ...tried];
}

function adviceFor(status: number): string {
  if (status === 403) return 'add your address to app.allowedAddresses';
  return status === 404 ? 'publish the app: docs/deploying.md' : 'read the app’s log';
}
