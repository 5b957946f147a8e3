metadata description = 'Storage for the snapshots of a Premium cache.'

import { tagsType } from '../types.bicep'

@description('Required. Name of the account.')
param name string

@description('Required. Region: the cache’s.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

// The cache is no part of the network and has no address of its own to let in: it comes as a trusted service, by its
// identity, through an otherwise closed firewall. That takes public access enabled. No soft delete: each snapshot
// replaces the last, and all of them would be kept and paid for.
resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: 'Deny' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: { deleteRetentionPolicy: { enabled: false } }
  }
}

resource blobs_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::blobs
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Name of the account.')
output name string = account.name

@description('Blob endpoint, with a slash at its end.')
output blobEndpoint string = account.properties.primaryEndpoints.blob
