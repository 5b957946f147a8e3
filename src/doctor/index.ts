export type { VaultAccess } from './checks/check-vault';
export { examine } from './examine';
export { examineRedis } from './examine-redis';
export { examineServices, type Services } from './examine-services';
export { type Finding, fault, ok, skipped, warning } from './finding';
