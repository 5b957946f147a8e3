import type { SqlPool } from '../entities/postgres';
import type { PlatformMetrics } from '../monitoring';
import type { Settings } from '../settings';
import { namesStorage, type StorageClients } from '../storage/clients';
import { checkDatabase } from './checks/check-database';
import { checkStorage } from './checks/check-storage';
import { checkVault, type VaultAccess } from './checks/check-vault';
import { checkMetrics, checkWebhook } from './checks/check-watching';
import { type Finding, skipped } from './finding';

export interface Services {
  readonly settings: Settings;
  readonly storage: StorageClients;
  readonly pool: SqlPool;
  readonly platform: PlatformMetrics | undefined;
  /** Default: signed in to as the settings say. */
  readonly vault?: VaultAccess;
}

/** Looks at everything but Redis, all at a time, each within seconds. Never rejects. */
export async function examineServices(services: Services): Promise<readonly Finding[]> {
  const { settings, storage, pool, platform, vault = {} } = services;
  const findings = await Promise.all([
    checkVault(settings, vault),
    namesStorage(settings) ? checkStorage(storage, settings) : [skipped('storage', 'no storage account is named')],
    checkDatabase(settings.DATABASE_URL === undefined ? undefined : pool),
    checkMetrics(platform),
    checkWebhook(settings),
  ]);
  return onceEach(findings.flat());
}

/** One missing package makes many checks fail with one and the same finding. */
const onceEach = (findings: readonly Finding[]): readonly Finding[] => [
  ...new Map(findings.map((finding) => [`${finding.check} ${finding.detail}`, finding])).values(),
];
