metadata description = 'One Azure Cache for Redis, Premium: its policies, its users, its patch window and its diagnostics.'

import { backupType, cacheUserType, premiumType, tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. What it is to be.')
param cache premiumType

@description('Required. Who uses its data.')
param users cacheUserType[]

@description('Conditional. Needed with persistence: the identity that writes snapshots, and the blob endpoint they go to.')
param backup backupType?

@description('Conditional. Needed if access keys are on: the vault, in this resource group, that holds the key.')
param vaultName string?

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

@description('The least that the library and the app need. The same list is in docs/security.md, and a test holds the two together.')
var permissions = loadJsonContent('../redis-permissions.json')

@description('Commands and keys of a web app.')
var clientPermissions = join(
  concat(map(permissions.client, command => '+${command}'), map(permissions.keys, pattern => '~${pattern}')),
  ' '
)

@description('Redis permissions by kind of user. What the app may besides is to see how the server is.')
var policies = [
  { name: 'steward-client', permissions: clientPermissions }
  {
    name: 'steward-app'
    permissions: '${join(map(permissions.app, command => '+${command}'), ' ')} ${clientPermissions}'
  }
]

@description('Whether access keys work beside tokens.')
var keepKeys = cache.?accessKeys == 'key-vault'

@description('Both switches are always said, so that changing from one kind to another turns the old one off.')
var persistence = cache.durability.kind == 'rdb'
  ? {
      'rdb-backup-enabled': 'true'
      'rdb-backup-frequency': string(cache.durability.everyMinutes)
      'rdb-backup-max-snapshot-count': '1'
      'rdb-storage-connection-string': backup!.blobEndpoint
      'aof-backup-enabled': 'false'
      'preferred-data-persistence-auth-method': 'ManagedIdentity'
      'storage-subscription-id': subscription().subscriptionId
    }
  : cache.durability.kind == 'aof'
      ? {
          'rdb-backup-enabled': 'false'
          'aof-backup-enabled': 'true'
          'aof-storage-connection-string-0': backup!.blobEndpoint
          'preferred-data-persistence-auth-method': 'ManagedIdentity'
          'storage-subscription-id': subscription().subscriptionId
        }
      : {
          'rdb-backup-enabled': 'false'
          'aof-backup-enabled': 'false'
        }

resource redis 'Microsoft.Cache/redis@2024-11-01' = {
  name: name
  location: location
  tags: tags
  zones: cache.durability.?zones
  identity: backup == null ? null : { type: 'UserAssigned', userAssignedIdentities: { '${backup!.identityId}': {} } }
  properties: {
    sku: { name: 'Premium', family: 'P', capacity: cache.capacity }
    redisVersion: '6'
    shardCount: cache.shards
    replicasPerPrimary: cache.durability.?replicas ?? 1
    replicasPerMaster: cache.durability.?replicas ?? 1
    zonalAllocationPolicy: cache.durability.?zones == null ? 'NoZones' : 'UserDefined'
    enableNonSslPort: false
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Disabled'
    disableAccessKeyAuthentication: !keepKeys
    redisConfiguration: {
      'aad-enabled': 'true'
      'maxmemory-policy': cache.evictionPolicy
      'maxmemory-reserved': string(cache.reservedMemoryMb)
      'maxfragmentationmemory-reserved': string(cache.reservedFragmentationMb)
      'notify-keyspace-events': 'Ex'
      ...persistence
    }
  }
}

resource redis_patchSchedule 'Microsoft.Cache/redis/patchSchedules@2024-11-01' = {
  parent: redis
  name: 'default'
  properties: {
    scheduleEntries: [
      { dayOfWeek: cache.patch.day, startHourUtc: cache.patch.startHourUtc, maintenanceWindow: 'PT5H' }
    ]
  }
}

// The cache takes one change at a time, so these go one by one, and after the patch schedule.
@batchSize(1)
resource redis_accessPolicies 'Microsoft.Cache/redis/accessPolicies@2024-11-01' = [
  for policy in policies: {
    parent: redis
    name: policy.name
    properties: { permissions: policy.permissions }
    dependsOn: [redis_patchSchedule]
  }
]

@batchSize(1)
resource redis_accessPolicyAssignments 'Microsoft.Cache/redis/accessPolicyAssignments@2024-11-01' = [
  for user in users: {
    parent: redis
    name: user.name
    properties: {
      accessPolicyName: 'steward-${user.kind}'
      objectId: user.principalId
      objectIdAlias: user.name
    }
    dependsOn: [redis_accessPolicies]
  }
]

resource redis_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: redis
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
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
    contentType: 'primary access key of ${name}'
    value: redis.listKeys().primaryKey
  }
}

@description('Resource id.')
output id string = redis.id

@description('Name.')
output name string = redis.name

@description('Host name, which resolves to the private endpoint from within the network.')
output hostName string = redis.properties.hostName
