import { lookup } from 'node:dns/promises';
import { isPrivateAddress } from '../../alerting/notify/receivers';
import { SECOND } from '../../clock';
import type { PlatformMetrics } from '../../monitoring';
import type { Settings } from '../../settings';
import { type Finding, ok, skipped, warning } from '../finding';
import { firstLine, limited } from './limited';

const WEBHOOK_MS = 10 * SECOND;

/** Whether Azure Monitor gives the cache's metrics. Without them the app works; less is seen. */
export async function checkMetrics(platform: PlatformMetrics | undefined): Promise<Finding> {
  if (platform === undefined) return skipped('metrics', 'AZURE_REDIS_RESOURCE_ID is not set: no platform metrics');
  try {
    const batches = await limited(platform.read(Date.now()));
    return ok('metrics', `Azure Monitor gave ${batches.length} minutes of platform metrics`);
  } catch (error) {
    const advice =
      'Check AZURE_REDIS_RESOURCE_ID, egress to Azure Monitor, and the identity’s role Monitoring Reader on the cache.';
    return warning('metrics', `no platform metrics: ${firstLine(error)}`, advice);
  }
}

/** Whether the webhook can be reached from here, and may be posted to. Nothing is posted. */
export async function checkWebhook(settings: Settings): Promise<Finding> {
  const { ALERT_WEBHOOK_URL: url, ALERT_WEBHOOK_ALLOW_PRIVATE: allowsPrivate } = settings;
  if (url === undefined) return skipped('alerts.webhook', 'ALERT_WEBHOOK_URL is not set: alerts are only logged');
  try {
    const { host, hostname } = new URL(url);
    const signal = AbortSignal.timeout(WEBHOOK_MS);
    const { status } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal });
    const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true });
    if (!allowsPrivate && addresses.some(({ address }) => isPrivateAddress(address))) {
      const advice = 'Set ALERT_WEBHOOK_ALLOW_PRIVATE=true if it is meant to be there.';
      return warning('alerts.webhook', `${host} answers at a private address, which alerts are not posted to`, advice);
    }
    return ok('alerts.webhook', `${host} answers (${status} to HEAD; nothing was posted)`);
  } catch (error) {
    return warning(
      'alerts.webhook',
      `the webhook can't be reached: ${firstLine((error as Error).cause ?? error)}`,
      'Allow egress to its host from this network, or correct ALERT_WEBHOOK_URL.',
    );
  }
}
