// The guards and the types of main.bicep alone: as strict, and quick to ask many times.

import { legalManaged, legalNetwork, legalPremium } from '../../../infra/guards.bicep'
import { cacheType, clientType, networkType } from '../../../infra/types.bicep'

@description('Required. The cache.')
param cache cacheType

@description('Required. The network.')
param network networkType

@description('Optional. The clients.')
param clients clientType[] = []

@description('Whether all of it is legal.')
output legal bool = length(string(cache.offering == 'premium'
  ? legalPremium(cache, 'eastus', 'rg-oversight-prod-saas-eastus')
  : legalManaged(cache, 'eastus', 'rg-oversight-prod-saas-eastus'))) > 0 && length(string(legalNetwork(
  network,
  cache,
  clients
))) > 0
