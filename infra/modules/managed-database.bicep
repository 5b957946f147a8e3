metadata description = 'The database of a cluster of Azure Managed Redis, its users and its logs.'

import { cacheUserType, managedType, tagsType } from '../types.bicep'

@description('What the database is to be. Shared with the founding of a geo-replication group, so that both say the same.')
@export()
func databaseProperties(cache managedType, linkedDatabaseIds string[]) resourceInput<'Microsoft.Cache/redisEnterprise/databases@2026-09-01'>.properties => {
  clientProtocol: 'Encrypted'
  port: 10000
  clusteringPolicy: cache.clusteringPolicy
  evictionPolicy: cache.evictionPolicy
  accessKeysAuthentication: cache.?accessKeys == 'key-vault' ? 'Enabled' : 'Disabled'
  deferUpgrade: 'NotDeferred'
  persistence: cache.durability.kind == 'rdb'
    ? { aofEnabled: false, rdbEnabled: true, rdbFrequency: cache.durability.every }
    : cache.durability.kind == 'aof'
        ? { aofEnabled: true, aofFrequency: '1s', rdbEnabled: false }
        : { aofEnabled: false, rdbEnabled: false }
  geoReplication: cache.durability.kind == 'geo'
    ? { groupNickname: cache.durability.group, linkedDatabases: map(linkedDatabaseIds, id => { id: id }) }
    : null
}

@description('Required. Name of the cluster.')
param clusterName string

@description('Required. Tags.')
param tags tagsType

@description('Required. What it is to be.')
param cache managedType

@description('Optional. Every database of the geo-replication group, this one included.')
param linkedDatabaseIds string[] = []

@description('Required. Who uses its data.')
param users cacheUserType[]

@description('Conditional. Needed if access keys are on: the vault, in this resource group, that holds the key.')
param vaultName string?

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

@description('Whether access keys work beside tokens.')
var keepKeys = cache.?accessKeys == 'key-vault'

resource cluster 'Microsoft.Cache/redisEnterprise@2026-09-01' existing = {
  name: clusterName
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2026-09-01' = {
  parent: cluster
  name: 'default'
  properties: databaseProperties(cache, linkedDatabaseIds)
}

// The one policy of the stable API gives full access to the data. The database takes one change at a time.
@batchSize(1)
resource database_accessPolicyAssignments 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2026-09-01' = [
  for user in users: {
    parent: database
    name: user.name
    properties: {
      accessPolicyName: 'default'
      user: { objectId: user.principalId }
    }
  }
]

resource database_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: database
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = if (keepKeys) {
  name: vaultName!
}

resource vault_accessKey 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (keepKeys) {
  parent: vault
  name: 'redis-access-key'
  tags: tags
  properties: {
    contentType: 'primary access key of ${clusterName}'
    value: database.listKeys().primaryKey
  }
}
