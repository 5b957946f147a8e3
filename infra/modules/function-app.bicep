metadata description = 'The function app on Flex Consumption: its plan, its code’s place, its network and its settings.'

import { appType, settingsType, tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. What it is to be.')
param app appType

@description('Required. Resource id of its identity.')
param identityId string

@description('Required. Subnet that its traffic leaves by, delegated to `Microsoft.App/environments`.')
param subnetId string

@description('Required. Address of the container that holds its code.')
param packageUri string

@description('Required. Its settings.')
param settings settingsType

@description('Required. PostgreSQL of the app’s entities; empty where there is none.')
@secure()
param databaseUrl string

// One plan, one app: Flex Consumption takes no more.
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // azd finds by this tag where to publish the service of azure.yaml.
  tags: { ...tags, 'azd-service-name': 'app' }
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Inbound stays public and narrowed by address: with a private endpoint and network integration together,
    // publishing to Flex Consumption fails.
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: subnetId
    clientAffinityEnabled: false
    siteConfig: {
      alwaysOn: false
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      ipSecurityRestrictionsDefaultAction: 'Deny'
      ipSecurityRestrictions: [
        for (address, index) in app.allowedAddresses: {
          name: 'allowed-${index}'
          action: 'Allow'
          priority: 100 + index
          ipAddress: address
        }
      ]
      scmIpSecurityRestrictionsUseMain: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: app.nodeVersion }
      scaleAndConcurrency: {
        maximumInstanceCount: app.maximumInstances
        instanceMemoryMB: app.instanceMemoryMb
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: { ...settings, ...(empty(databaseUrl) ? {} : { DATABASE_URL: databaseUrl }), ...(app.?settings ?? {}) }
  }

  // Publishing takes an Entra token, never a user name and a password.
  resource ftpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

@description('Resource id.')
output id string = site.id

@description('Name.')
output name string = site.name

@description('Host name.')
output hostName string = site.properties.defaultHostName
