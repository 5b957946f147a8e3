metadata description = 'The Premium offering: the cache with its private endpoint and, with geo-replication, the second cache with its own and the link between them.'

import { backupType, cacheUserType, endpointType, premiumType, tagsType } from '../types.bicep'

@description('Required. Name of the cache.')
param name string

@description('Required. Name of the second cache, of geo-replication.')
param secondaryName string

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

module primary 'premium-cache.bicep' = {
  params: {
    name: name
    location: location
    tags: tags
    cache: cache
    users: users
    backup: backup
    vaultName: vaultName
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
}

module secondary 'premium-cache.bicep' = if (cache.durability.kind == 'geo') {
  scope: resourceGroup(cache.durability.secondary.resourceGroup)
  params: {
    name: secondaryName
    location: cache.durability.secondary.location
    tags: tags
    cache: cache
    users: users
    diagnosticsName: diagnosticsName
    workspaceId: workspaceId
  }
}

module primaryPrivateEndpoint 'private-endpoint.bicep' = {
  params: {
    name: endpoint.name
    connectionName: endpoint.connectionName
    zoneGroupName: endpoint.zoneGroupName
    location: location
    tags: tags
    subnetId: endpoint.subnetId
    address: endpoint.address
    targetId: primary.outputs.id
    groupId: 'redisCache'
    zoneId: endpoint.zoneId
  }
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
    targetId: secondary!.outputs.id
    groupId: 'redisCache'
    zoneId: secondaryEndpoint!.zoneId
  }
}

// A private endpoint cannot be added to a cache that is linked, so the link waits for both.
resource linked 'Microsoft.Cache/redis@2024-11-01' existing = {
  name: name
}

resource link 'Microsoft.Cache/redis/linkedServers@2024-11-01' = if (cache.durability.kind == 'geo') {
  parent: linked
  name: secondaryName
  properties: {
    linkedRedisCacheId: secondary!.outputs.id
    linkedRedisCacheLocation: cache.durability.secondary.location
    serverRole: 'Secondary'
  }
  dependsOn: [primaryPrivateEndpoint, secondaryPrivateEndpoint]
}

@description('Host name.')
output hostName string = primary.outputs.hostName
