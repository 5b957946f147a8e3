metadata name = 'Cache Steward'
metadata description = 'A private, watched Redis cache on Azure and the app that keeps it. Deploy with one of params/: az deployment group create -g <group> -p infra/params/<name>.bicepparam'

import { legalManaged, legalNetwork, legalPremium } from 'guards.bicep'
import { namesOf, plannedAddresses } from 'naming.bicep'
import { factsOf } from 'offerings.bicep'
import { appType, cacheType, clientType, namesType, networkType, tagsType } from 'types.bicep'

// ---------- Parameters ----------

@description('Required. The cache. Its `offering` has no default: read docs/deploying.md to choose.')
param cache cacheType

@description('Required. The network.')
param network networkType

@description('Required. The function app.')
param app appType

@description('Optional. The web apps that feed the cache.')
param clients clientType[] = []

@description('Optional. PostgreSQL that the app’s entities are loaded from and saved to. Without it write-behind has nothing to save to.')
@secure()
param databaseUrl string = ''

@description('Optional. Where the app posts alerts to. The address itself is often the key.')
@secure()
param alertWebhookUrl string = ''

@description('Optional. What the app signs those posts with.')
@secure()
param alertWebhookSecret string = ''

@description('Optional. Addresses that are mailed when an alert fires.')
param alertEmails string[] = []

@description('Optional. Resource id of a Log Analytics workspace of one’s own. One is made if it is left out.')
param workspaceId string?

@description('Optional. Replication of the app’s storage. `Standard_ZRS` keeps the journal of write-behind through the loss of a zone.')
param storageSku 'Standard_LRS' | 'Standard_ZRS' = 'Standard_ZRS'

@description('Optional. Region.')
param location string = resourceGroup().location

@description('Optional. What names end with.')
param name string = 'oversight-prod'

@description('Optional. Names that differ from the usual ones.')
param names namesType = {}

@description('Optional. Tags of everything.')
param tags tagsType = {
  environment: 'production'
  component: 'cache'
  ha_enabled: 'true'
}

// ---------- What was asked for, once the platform’s exclusions are checked ----------

@description('The cache, if it can be deployed.')
var asked = cache.offering == 'premium'
  ? legalPremium(cache, location, resourceGroup().name)
  : legalManaged(cache, location, resourceGroup().name)

@description('The network, if it can be deployed.')
var net = legalNetwork(network, cache, clients)

@description('The platform’s facts of the offering.')
var facts = factsOf(cache)

@description('Every name.')
var named = namesOf(name, uniqueString(resourceGroup().id, name), names)

@description('Whether there is a second cache.')
var geo = cache.durability.kind == 'geo'

@description('Resource group of the second cache.')
var secondaryGroup = cache.durability.kind == 'geo' ? cache.durability.secondary.resourceGroup : resourceGroup().name

@description('Whether a Premium cache writes to backup storage. Azure Managed Redis keeps its own.')
var backs = cache.offering == 'premium' && contains(['rdb', 'aof'], cache.durability.kind)

@description('Web apps that have an identity.')
var clientsWithIdentity = filter(clients, client => client.?principalId != null)

@description('Resource type of the cache.')
var resourceType = cache.offering == 'premium' ? 'Microsoft.Cache/redis' : 'Microsoft.Cache/redisEnterprise'

@description('Resource id of the cache.')
var cacheId = resourceId(resourceType, named.cache)

@description('Resource id of the second cache; empty without geo-replication.')
var secondaryCacheId = geo ? resourceId(secondaryGroup, resourceType, named.secondaryCache) : ''

@description('Who uses the cache’s data.')
var users = concat(
  [{ name: 'steward', principalId: appIdentity.outputs.principalId, kind: 'app' }],
  map(clientsWithIdentity, client => { name: client.name, principalId: client.principalId!, kind: 'client' })
)

@description('The private DNS zones, by what they are for.')
var zoneNames = {
  cache: facts.zoneName
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  queue: 'privatelink.queue.${environment().suffixes.storage}'
  table: 'privatelink.table.${environment().suffixes.storage}'
  vault: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
}

@description('The virtual networks, made here or one’s own.')
var networkIds = concat(
  [net.kind == 'new' ? resourceId('Microsoft.Network/virtualNetworks', named.network) : net.virtualNetworkId],
  !geo
    ? []
    : [
        net.kind == 'new'
          ? resourceId(secondaryGroup, 'Microsoft.Network/virtualNetworks', named.secondaryNetwork)
          : net.secondary!.virtualNetworkId
      ]
)

@description('Where endpoints go: the subnets, the addresses and the zones, made here or one’s own.')
var place = {
  functionsSubnetId: net.kind == 'new'
    ? resourceId('Microsoft.Network/virtualNetworks/subnets', named.network, 'snet-functions')
    : net.functionsSubnetId
  endpointsSubnetId: net.kind == 'new'
    ? resourceId('Microsoft.Network/virtualNetworks/subnets', named.network, 'snet-endpoints')
    : net.endpointsSubnetId
  zoneIds: net.?privateDnsZoneIds ?? {
    cache: resourceId('Microsoft.Network/privateDnsZones', zoneNames.cache)
    blob: resourceId('Microsoft.Network/privateDnsZones', zoneNames.blob)
    queue: resourceId('Microsoft.Network/privateDnsZones', zoneNames.queue)
    table: resourceId('Microsoft.Network/privateDnsZones', zoneNames.table)
    vault: resourceId('Microsoft.Network/privateDnsZones', zoneNames.vault)
  }
  addresses: net.kind == 'new' ? plannedAddresses(net.endpointsSubnetPrefix) : net.addresses
}

@description('The cache’s private endpoint.')
var cacheEndpoint = {
  name: named.privateEndpoint
  connectionName: named.privateConnection
  zoneGroupName: named.zoneGroup
  subnetId: place.endpointsSubnetId
  address: place.addresses.cache
  zoneId: place.zoneIds.cache
}

@description('The second cache’s private endpoint, in the second region.')
var secondaryEndpoint = geo
  ? {
      name: '${named.privateEndpoint}-secondary'
      connectionName: '${named.privateConnection}-secondary'
      zoneGroupName: named.zoneGroup
      subnetId: net.kind == 'new'
        ? resourceId(
            secondaryGroup,
            'Microsoft.Network/virtualNetworks/subnets',
            named.secondaryNetwork,
            'snet-endpoints'
          )
        : net.secondary!.endpointsSubnetId
      address: net.kind == 'new'
        ? plannedAddresses(net.secondary!.endpointsSubnetPrefix).cache
        : net.secondary!.cacheAddress
      zoneId: place.zoneIds.cache
    }
  : null

// ---------- Observability ----------

module observability 'modules/observability.bicep' = {
  params: {
    name: name
    insightsName: named.insights
    location: location
    tags: tags
    existingWorkspaceId: workspaceId
    alertEmails: alertEmails
    diagnosticsName: named.diagnostics
  }
}

// ---------- Network ----------

module virtualNetwork 'modules/virtual-network.bicep' = if (network.kind == 'new') {
  params: {
    name: named.network
    location: location
    tags: tags
    addressPrefix: net.addressPrefix
    functionsSubnetPrefix: net.functionsSubnetPrefix
    endpointsSubnetPrefix: net.endpointsSubnetPrefix
    sources: concat([net.functionsSubnetPrefix], map(clients, client => client.subnetPrefix))
    cachePorts: facts.ports
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
}

module secondaryNetwork 'modules/virtual-network.bicep' = if (network.kind == 'new' && cache.durability.kind == 'geo') {
  scope: resourceGroup(secondaryGroup)
  params: {
    name: named.secondaryNetwork
    location: cache.durability.secondary.location
    tags: tags
    addressPrefix: net.secondary!.addressPrefix
    endpointsSubnetPrefix: net.secondary!.endpointsSubnetPrefix
    sources: concat([net.functionsSubnetPrefix], map(clients, client => client.subnetPrefix))
    cachePorts: facts.ports
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
}

module peering 'modules/peering.bicep' = if (network.kind == 'new' && cache.durability.kind == 'geo') {
  params: {
    virtualNetworkName: named.network
    remoteVirtualNetworkId: networkIds[1]
  }
  dependsOn: [virtualNetwork, secondaryNetwork]
}

module peeringBack 'modules/peering.bicep' = if (network.kind == 'new' && cache.durability.kind == 'geo') {
  scope: resourceGroup(secondaryGroup)
  params: {
    virtualNetworkName: named.secondaryNetwork
    remoteVirtualNetworkId: networkIds[0]
  }
  dependsOn: [virtualNetwork, secondaryNetwork]
}

module dns 'modules/private-dns.bicep' = if (network.?privateDnsZoneIds == null) {
  params: {
    zoneNames: map(items(zoneNames), item => item.value)
    virtualNetworkIds: networkIds
    tags: tags
  }
  dependsOn: [virtualNetwork, secondaryNetwork]
}

// ---------- Identities, storage, vault ----------

module appIdentity 'modules/identity.bicep' = {
  params: { name: named.appIdentity, location: location, tags: tags }
}

module cacheIdentity 'modules/identity.bicep' = if (backs) {
  params: { name: named.cacheIdentity, location: location, tags: tags }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: named.storage
    location: location
    tags: tags
    sku: storageSku
    containerNames: ['app-package']
    claimsContainerName: 'steward-claims'
    queueNames: ['write-behind', 'refresh-ahead', 'sweep', 'alert-notifications']
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
}

module backupStorage 'modules/backup-storage.bicep' = if (backs) {
  params: {
    name: named.backupStorage
    location: location
    tags: tags
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
}

module vault 'modules/key-vault.bicep' = {
  params: {
    name: named.vault
    location: location
    tags: tags
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
}

module endpoints 'modules/endpoints.bicep' = {
  params: {
    zoneGroupName: named.zoneGroup
    location: location
    tags: tags
    subnetId: place.endpointsSubnetId
    addresses: place.addresses
    zoneIds: place.zoneIds
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
  }
  dependsOn: [virtualNetwork, dns]
}

// ---------- Cache ----------

// Before the cache: it checks at once that it may write its snapshots.
module backupRoles 'modules/roles.bicep' = if (backs) {
  params: {
    backup: { identityName: named.cacheIdentity, accountName: named.backupStorage }
    backupPrincipalId: cacheIdentity!.outputs.principalId
  }
  dependsOn: [backupStorage]
}

module premium 'modules/premium.bicep' = if (cache.offering == 'premium') {
  params: {
    name: named.cache
    secondaryName: named.secondaryCache
    location: location
    tags: tags
    cache: asked
    users: users
    backup: backs ? { identityId: cacheIdentity!.outputs.id, blobEndpoint: backupStorage!.outputs.blobEndpoint } : null
    vaultName: named.vault
    endpoint: cacheEndpoint
    secondaryEndpoint: secondaryEndpoint
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
  dependsOn: [backupRoles, vault, virtualNetwork, secondaryNetwork, dns]
}

module managed 'modules/managed.bicep' = if (cache.offering == 'managed') {
  params: {
    name: named.cache
    secondaryName: named.secondaryCache
    location: location
    tags: tags
    cache: asked
    users: users
    vaultName: named.vault
    endpoint: cacheEndpoint
    secondaryEndpoint: secondaryEndpoint
    diagnosticsName: named.diagnostics
    workspaceId: observability.outputs.workspaceId
  }
  dependsOn: [vault, virtualNetwork, secondaryNetwork, dns]
}

@description('Host name of the cache, whichever it is.')
var cacheHostName = cache.offering == 'premium' ? premium!.outputs.hostName : managed!.outputs.hostName

// ---------- App ----------

module roles 'modules/roles.bicep' = {
  params: {
    appPrincipalId: appIdentity.outputs.principalId
    work: {
      appIdentityName: named.appIdentity
      clientPrincipalIds: map(clientsWithIdentity, client => client.principalId!)
      storageName: named.storage
      journalQueueName: 'write-behind'
      claimsContainerName: 'steward-claims'
      vaultName: named.vault
      insightsName: named.insights
      cacheName: named.cache
      offering: cache.offering
    }
  }
  dependsOn: [storage, vault, observability, premium, managed]
}

module functionApp 'modules/function-app.bicep' = {
  params: {
    name: named.functionApp
    location: location
    tags: tags
    app: app
    identityId: appIdentity.outputs.id
    subnetId: place.functionsSubnetId
    packageUri: '${storage.outputs.blobEndpoint}app-package'
    databaseUrl: databaseUrl
    alertWebhookUrl: alertWebhookUrl
    alertWebhookSecret: alertWebhookSecret
    sources: {
      cacheName: named.cache
      cacheHostName: cacheHostName
      cacheId: cacheId
      facts: facts
      blobEndpoint: storage.outputs.blobEndpoint
      queueEndpoint: storage.outputs.queueEndpoint
      tableEndpoint: storage.outputs.tableEndpoint
      principalId: appIdentity.outputs.principalId
      clientId: appIdentity.outputs.clientId
      vaultUri: vault.outputs.uri
      insightsConnectionString: observability.outputs.connectionString
    }
  }
  // The app starts as soon as it is there: its names must resolve and its roles hold by then.
  dependsOn: [roles, virtualNetwork, endpoints]
}

// ---------- Alerts and workbook ----------

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    tags: tags
    offering: cache.offering
    cacheName: named.cache
    cacheId: cacheId
    maxClients: facts.maxClients
    geoReplicated: geo
    secondaryCacheId: secondaryCacheId
    insightsId: observability.outputs.insightsId
    functionAppName: named.functionApp
    actionGroupId: observability.outputs.actionGroupId
  }
  dependsOn: [premium, managed]
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: tags
    offering: cache.offering
    cacheName: named.cache
    cacheId: cacheId
    insightsId: observability.outputs.insightsId
    functionAppName: named.functionApp
  }
  dependsOn: [premium, managed]
}

// ---------- Outputs: azd makes environment variables of them ----------

@description('Host name of the cache.')
output REDIS_HOST_NAME string = cacheHostName

@description('Name of the function app.')
output FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Host name of the function app.')
output FUNCTION_APP_HOST_NAME string = functionApp.outputs.hostName

@description('Address of the key vault.')
output KEY_VAULT_URI string = vault.outputs.uri

@description('Queue endpoint that web apps append to.')
output STORAGE_QUEUE_URI string = storage.outputs.queueEndpoint

@description('Blob endpoint that web apps put large values to.')
output STORAGE_BLOB_URI string = storage.outputs.blobEndpoint
