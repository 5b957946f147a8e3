metadata description = 'Where logs, metrics and telemetry go, and who is notified.'

import { tagsType } from '../types.bicep'

@description('Required. Ends the names.')
param name string

@description('Required. Name of Application Insights.')
param insightsName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Optional. Log Analytics workspace of one’s own. One with 30 days’ retention is made if it is left out.')
param existingWorkspaceId string?

@description('Required. Addresses that are mailed when an alert fires.')
param alertEmails string[]

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

// Ingestion and queries stay on public endpoints: closing them takes an Azure Monitor Private Link Scope, which changes
// DNS for every network that shares it. Both ask for Entra tokens only.
resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = if (existingWorkspaceId == null) {
  name: 'log-${name}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
    publicNetworkAccessForIngestion: 'Enabled'
    publicNetworkAccessForQuery: 'Enabled'
    features: { disableLocalAuth: true }
  }
}

resource workspace_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (existingWorkspaceId == null) {
  scope: workspace
  name: diagnosticsName
  properties: {
    workspaceId: workspace.id
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

@description('The workspace, made here or not.')
var workspaceResourceId = existingWorkspaceId ?? workspace.id

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceResourceId
    DisableLocalAuth: true
    publicNetworkAccessForIngestion: 'Enabled'
    publicNetworkAccessForQuery: 'Enabled'
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'cache'
    enabled: true
    emailReceivers: [
      for address in alertEmails: {
        name: address
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspaceResourceId

@description('Resource id of Application Insights.')
output insightsId string = insights.id

@description('Where telemetry is sent. Without a token of a publisher it opens nothing: local authentication is off.')
output connectionString string = insights.properties.ConnectionString

@description('Resource id of the action group.')
output actionGroupId string = actionGroup.id
