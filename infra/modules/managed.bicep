metadata description = 'The managed offering: the cluster and its database with their private endpoint and, with geo-replication, the second ones with theirs.'

import { cacheUserType, endpointType, managedType, tagsType } from '../types.bicep'

@description('Required. Name of the cache.')
param name string

@description('Required. Name of the second cache, of geo-replication.')
param secondaryName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. What it is to be.')
param cache managedType

@description('Required. Who uses its data.')
param users cacheUserType[]

@description('Required. The vault that holds the access key, if there is one.')
param vaultName string

@description('Required. The private endpoint of the cache.')
param endpoint endpointType

@description('Conditional. Needed with geo-replication: the private endpoint of the second cache.')
param secondaryEndpoint endpointType?

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

@description('The databases of the group, both named by both; empty without geo-replication.')
var groupIds = cache.durability.kind == 'geo'
  ? [
      resourceId('Microsoft.Cache/redisEnterprise/databases', name, 'default')
      resourceId(
        cache.durability.secondary.resourceGroup,
        'Microsoft.Cache/redisEnterprise/databases',
        secondaryName,
        'default'
      )
    ]
  : []

module cluster 'managed-cluster.bicep' = {
  params: {
    name: name
    location: location
    tags: tags
    cache: cache
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
}

module geoGroup 'managed-geo-group.bicep' = if (cache.durability.kind == 'geo') {
  params: {
    clusterName: name
    cache: cache
  }
  dependsOn: [cluster]
}

module secondaryCluster 'managed-cluster.bicep' = if (cache.durability.kind == 'geo') {
  scope: resourceGroup(cache.durability.secondary.resourceGroup)
  params: {
    name: secondaryName
    location: cache.durability.secondary.location
    tags: tags
    cache: cache
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
}

module secondaryDatabase 'managed-database.bicep' = if (cache.durability.kind == 'geo') {
  scope: resourceGroup(cache.durability.secondary.resourceGroup)
  params: {
    clusterName: secondaryName
    tags: tags
    cache: cache
    linkedDatabaseIds: groupIds
    users: users
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
  dependsOn: [secondaryCluster, geoGroup]
}

module database 'managed-database.bicep' = {
  params: {
    clusterName: name
    tags: tags
    cache: cache
    linkedDatabaseIds: groupIds
    users: users
    vaultName: vaultName
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
  dependsOn: [cluster, secondaryDatabase]
}

module privateEndpoint 'private-endpoint.bicep' = {
  params: {
    name: endpoint.name
    connectionName: endpoint.connectionName
    zoneGroupName: endpoint.zoneGroupName
    location: location
    tags: tags
    subnetId: endpoint.subnetId
    address: endpoint.address
    targetId: cluster.outputs.id
    groupId: 'redisEnterprise'
    zoneId: endpoint.zoneId
  }
  dependsOn: [database]
}

module secondaryPrivateEndpoint 'private-endpoint.bicep' = if (cache.durability.kind == 'geo') {
  scope: resourceGroup(cache.durability.secondary.resourceGroup)
  params: {
    name: secondaryEndpoint!.name
    connectionName: secondaryEndpoint!.connectionName
    zoneGroupName: secondaryEndpoint!.zoneGroupName
    location: cache.durability.secondary.location
    tags: tags
    subnetId: secondaryEndpoint!.subnetId
    address: secondaryEndpoint!.address
    targetId: secondaryCluster!.outputs.id
    groupId: 'redisEnterprise'
    zoneId: secondaryEndpoint!.zoneId
  }
  dependsOn: [secondaryDatabase]
}

@description('Host name.')
output hostName string = cluster.outputs.hostName
