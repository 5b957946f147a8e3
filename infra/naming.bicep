metadata description = 'What everything is called and where it stands in a network of our own.'

import { addressesType, namesType } from 'types.bicep'

@sealed()
@description('Every name.')
type everyNameType = {
  @description('Required. Cache.')
  cache: string
  @description('Required. Second cache.')
  secondaryCache: string
  @description('Required. Private endpoint of the cache.')
  privateEndpoint: string
  @description('Required. Its connection.')
  privateConnection: string
  @description('Required. Its DNS zone group.')
  zoneGroup: string
  @description('Required. Diagnostic settings.')
  diagnostics: string
  @description('Required. Virtual network.')
  network: string
  @description('Required. Virtual network of the second region.')
  secondaryNetwork: string
  @description('Required. The app’s identity.')
  appIdentity: string
  @description('Required. The cache’s identity.')
  cacheIdentity: string
  @description('Required. Application Insights.')
  insights: string
  @description('Required. Function app.')
  functionApp: string
  @description('Required. Storage account.')
  storage: string
  @description('Required. Storage account of snapshots.')
  backupStorage: string
  @description('Required. Key vault.')
  vault: string
}

@export()
@description('Every name. Those that must be unique in the world end with a token made from the resource group’s id.')
func namesOf(name string, token string, asked namesType) everyNameType => {
  cache: asked.?cache ?? 'redis-${name}'
  secondaryCache: asked.?secondaryCache ?? 'redis-${name}-secondary'
  privateEndpoint: asked.?privateEndpoint ?? 'pe-redis'
  privateConnection: asked.?privateConnection ?? 'psc-redis'
  zoneGroup: asked.?zoneGroup ?? 'pdz-group-redis'
  diagnostics: asked.?diagnostics ?? 'diag-redis'
  network: 'vnet-${name}'
  secondaryNetwork: 'vnet-${name}-secondary'
  appIdentity: 'id-${name}-app'
  cacheIdentity: 'id-${name}-cache'
  insights: 'appi-${name}'
  functionApp: asked.?functionApp ?? 'func-${name}-${token}'
  storage: asked.?storage ?? 'ststeward${token}'
  backupStorage: asked.?backupStorage ?? 'stbackup${token}'
  vault: asked.?vault ?? 'kv-steward-${token}'
}

@export()
@description('Addresses of a new network’s endpoints. The first one that a subnet has to give is its fourth: 10.20.5.4 of 10.20.5.0/24.')
func plannedAddresses(prefix string) addressesType => {
  cache: cidrHost(prefix, 3)
  blob: cidrHost(prefix, 4)
  queue: cidrHost(prefix, 5)
  table: cidrHost(prefix, 6)
  vault: cidrHost(prefix, 7)
}
