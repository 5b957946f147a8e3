metadata description = 'One cluster of Azure Managed Redis, without its database.'

import { managedType, tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. What it is to be.')
param cache managedType

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

// No `zones`: with high availability the service spreads over them by itself, and accepts none.
resource cluster 'Microsoft.Cache/redisEnterprise@2026-09-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: cache.sku }
  properties: {
    highAvailability: cache.highAvailability ? 'Enabled' : 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Disabled'
    maintenanceConfiguration: {
      maintenanceWindows: [
        for window in cache.maintenance: {
          type: 'Weekly'
          startHourUtc: window.startHourUtc
          duration: 'PT${window.hours}H'
          schedule: { dayOfWeek: window.day }
        }
      ]
    }
  }
}

// Metrics belong to the cluster, logs to its database.
resource cluster_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: cluster
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output id string = cluster.id

@description('Name.')
output name string = cluster.name

@description('Host name, which resolves to the private endpoint from within the network.')
output hostName string = cluster.properties.hostName
