metadata description = 'The vault of the session secrets and, if access keys are on, of the cache’s key.'

import { tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: 'Disabled'
    networkAcls: { bypass: 'None', defaultAction: 'Deny' }
  }
}

resource vault_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output id string = vault.id

@description('Name.')
output name string = vault.name

@description('Address that secrets are read from.')
output uri string = vault.properties.vaultUri
