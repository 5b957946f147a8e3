metadata description = 'Founds an active geo-replication group: the first database, linked with itself, only if it does not exist yet.'

import { managedType } from '../types.bicep'
import { databaseProperties } from 'managed-database.bicep'

@description('Required. Name of the first cluster.')
param clusterName string

@description('Required. What its database is to be.')
param cache managedType

resource cluster 'Microsoft.Cache/redisEnterprise@2026-09-01' existing = {
  name: clusterName
}

// The group begins with one member, the second joins, and from then on both are named everywhere. Said again with one
// member, this would ask the service to take the second out: hence only if it does not exist.
@onlyIfNotExists()
resource founder 'Microsoft.Cache/redisEnterprise/databases@2026-09-01' = {
  parent: cluster
  name: 'default'
  properties: databaseProperties(
    cache,
    [resourceId('Microsoft.Cache/redisEnterprise/databases', clusterName, 'default')]
  )
}
