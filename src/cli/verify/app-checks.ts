import { type Finding, fault, ok, warning } from '../../doctor';
import { coerceError } from '../../errors';
import type { Health } from '../../monitoring';
import type { SelfCheckReport, SelfCheckResult } from '../../self-check';
import { api, type Context, property } from './context';
import type { ArmResource } from './resource-manager';

const SELF_CHECK_MS = 60_000;

/**
 * What only the app can see, from inside the network: how it is and how its jobs are, and its check of itself. Asks its
 * keyed functions, with keys that Resource Manager gives.
 */
export async function checkApp(
  context: Context,
  endpointAddresses: readonly string[],
  send: typeof fetch,
): Promise<Finding[]> {
  const sites = await context.arm.list(`${context.group}/providers/Microsoft.Web/sites`, api.web);
  const [site] = sites;
  if (site === undefined || sites.length !== 1) {
    const detail = sites.length === 0 ? 'there is no function app' : `there are ${sites.length} apps`;
    return [fault('app.selfCheck', detail, 'deploy again, or remove the others')];
  }
  const ask = { context, site, send };
  const [health, selfCheck] = await Promise.all([
    answerOf<Health>(ask, 'healthDetail', 'health/detail', 'app.health'),
    answerOf<SelfCheckReport>(ask, 'selfCheck', 'selfCheck', 'app.selfCheck'),
  ]);
  return [
    ...('fault' in health ? [health.fault] : judgeHealth(health.answer)),
    ...('fault' in selfCheck ? [selfCheck.fault] : judgeSelfCheck(selfCheck.answer, endpointAddresses)),
  ];
}

type Ask = { readonly context: Context; readonly site: ArmResource; readonly send: typeof fetch };

/** The JSON of one keyed function, or why there is none. */
async function answerOf<T>({ context, site, send }: Ask, functionName: string, route: string, check: string) {
  try {
    const keys = `${site.id}/functions/${functionName}/listkeys`;
    const { default: key } = await context.arm.post<{ readonly default: string }>(keys, api.web);
    const response = await send(`https://${property(site, 'defaultHostName')}/api/${route}`, {
      headers: { 'x-functions-key': key, 'cache-control': 'no-store' },
      signal: AbortSignal.timeout(SELF_CHECK_MS),
    });
    const text = await response.text();
    // 503 is an answer too: it says what is wrong.
    if (response.status === 200 || response.status === 503) return { answer: JSON.parse(text) as T };
    return { fault: fault(check, `${site.name} answered ${response.status}`, adviceFor(response.status)) };
  } catch (thrown) {
    const advice = 'publish the app, and add your address to app.allowedAddresses';
    return { fault: fault(check, `${site.name} did not answer: ${coerceError(thrown).message}`, advice) };
  }
}

function judgeHealth({ status, faults, jobs = [] }: Health): Finding[] {
  const advice = 'see `GET /api/health/detail`, and docs/runbooks/job-overdue.md for a job';
  if (status === 'ok') return [ok('app.health', `ok; ${jobs.length} jobs run as they should`)];
  const judge = status === 'down' ? fault : warning;
  return faults.map((each) => judge('app.health', each, advice));
}

function judgeSelfCheck(report: SelfCheckReport, endpoint: readonly string[]): Finding[] {
  // A fault at the start is said by `health`, and instead of a report.
  if (!Array.isArray(report.checks)) {
    return [fault('app.selfCheck', 'the app can not check itself', 'mend what app.health says')];
  }
  const { host, addresses, checks } = report;
  const foreign = addresses.filter((address) => !endpoint.includes(address));
  const resolved =
    addresses.length > 0 && foreign.length === 0
      ? ok('app.resolves', `${host} resolves to the private endpoint, ${addresses.join(', ')}`)
      : fault(
          'app.resolves',
          `${host} resolves to ${addresses.join(', ') || 'nothing'}; the private endpoint is at ${endpoint.join(', ') || 'no address'}`,
          'link the private DNS zone to the app’s network',
        );
  return [resolved, ...checks.filter(({ name }) => name !== 'resolves').map(toFinding)];
}

function toFinding({ name, ok: fine, state = fine ? 'ok' : 'error', detail, advice }: SelfCheckResult): Finding {
  const check = `app.${name}`;
  if (state === 'ok' || state === 'skipped') return { check, state, detail };
  return { check, state, detail, advice: advice ?? 'run `cache-steward doctor` with the app’s settings' };
}

function adviceFor(status: number): string {
  if (status === 403) return 'add your address to app.allowedAddresses';
  return status === 404 ? 'publish the app: docs/deploying.md' : 'read the app’s log';
}
