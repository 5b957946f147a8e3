import { coerceError, errorCode } from '../../errors';
import { silentLogger } from '../../logger';
import { createRedis } from '../../redis';
import { toTarget } from '../../redis/connection/target';
import { readSettings, type Settings, SettingsError } from '../../settings';
import { storageClients } from '../../storage/clients';
import { checkStorage, checkVault, checkWebhook, type VaultAccess } from './azure';
import { type Finding, fault, ok, skipped } from './finding';
import { checkNetwork } from './network';
import { checkPermissions } from './permissions';
import { checkServer } from './server';

/** Longer than the jobs wait: a slow answer is better than a wrong finding. */
const PATIENCE_MS = 3_000;

/** Looks at everything that the app needs, from the settings outwards. A check that can't be made says why. */
export async function examine(
  environment: Readonly<Record<string, string | undefined>>,
  vault: VaultAccess = {},
): Promise<readonly Finding[]> {
  let settings: Settings;
  try {
    settings = readSettings(environment);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.faults.map((each) => fault('settings', each, 'docs/settings.md describes every setting.'));
  }
  const findings = [ok('settings', 'every setting can be read')];
  const patient = { ...settings, REDIS_DEADLINE_MS: Math.max(settings.REDIS_DEADLINE_MS, PATIENCE_MS) };
  findings.push(...(await checkVault(settings, vault)));
  findings.push(...(await examineRedis(patient)));
  const hasStorage = settings.AzureWebJobsStorage ?? settings.AzureWebJobsStorage__accountName;
  if (hasStorage === undefined) findings.push(skipped('storage', 'no storage account is named'));
  else findings.push(...(await checkStorage(storageClients(settings), settings)));
  findings.push(await checkWebhook(settings));
  return findings;
}

async function examineRedis(settings: Settings): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const target = toTarget(settings);
    const network = await checkNetwork(target);
    findings.push(...network);
    // A cluster or a set of sentinels is reached by any of its addresses.
    const unreachable = network.filter(({ state }) => state === 'error').length;
    if (unreachable === target.seeds.length) return findings;
  } catch (error) {
    return [fault('redis.settings', coerceError(error).message, 'docs/settings.md describes every setting.')];
  }
  const redis = createRedis({ settings, logger: silentLogger, role: 'doctor' });
  try {
    await redis.ready(PATIENCE_MS);
    findings.push(ok('redis.identity', `signed in, ${redis.mode}`));
    for (const check of [checkPermissions, checkServer]) findings.push(...(await check(redis)));
  } catch (error) {
    findings.push(identityFault(coerceError(error)));
  } finally {
    await redis.close();
  }
  return findings;
}

function identityFault(error: Error): Finding {
  const detail = `${errorCode(error)}: ${error.message}`;
  if (/WRONGPASS|NOAUTH|no credentials/.test(error.message)) {
    const advice =
      'Check REDIS_AUTH: the password in REDIS_URL, or the identity’s access policy and REDIS_ENTRA_USER, or the key in the vault.';
    return fault('redis.identity', detail, advice);
  }
  return fault('redis.connection', detail, 'Read the message; docs/redis.md has a table of them.');
}
