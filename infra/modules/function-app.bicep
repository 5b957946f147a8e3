metadata description = 'The function app on Flex Consumption: its plan, its code’s place, its network and its settings.'

import { offeringType } from '../offerings.bicep'
import { appType, tagsType } from '../types.bicep'

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

@description('Required. What its settings are made from.')
param sources sourcesType

@description('Required. PostgreSQL of the app’s entities; empty if there is none, which the app reads as absent.')
@secure()
param databaseUrl string

@description('Required. Where the app posts alerts to; empty for nowhere.')
@secure()
param alertWebhookUrl string

@description('Required. What it signs those posts with; empty for not at all.')
@secure()
param alertWebhookSecret string

@description('The settings that only the deployment knows.')
var settings = {
  // Of the functions host and its telemetry.
  AzureWebJobsStorage__credential: 'managedidentity'
  APPLICATIONINSIGHTS_CONNECTION_STRING: sources.insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${sources.clientId};Authorization=AAD'
  // Of the host and the app.
  AzureWebJobsStorage__blobServiceUri: sources.blobEndpoint
  AzureWebJobsStorage__queueServiceUri: sources.queueEndpoint
  AzureWebJobsStorage__tableServiceUri: sources.tableEndpoint
  AzureWebJobsStorage__clientId: sources.clientId
  // Of the app.
  REDIS_URL: 'rediss://${sources.cacheHostName}:${sources.facts.port}'
  REDIS_AUTH: 'entra'
  REDIS_ENTRA_USER: sources.principalId
  REDIS_MODE: sources.facts.mode
  REDIS_SESSIONS_DB: '0'
  REDIS_CACHE_DB: '0'
  REDIS_WORK_DB: '0'
  REDIS_MAX_CLIENTS: string(sources.facts.maxClients)
  CACHE_NAME: sources.cacheName
  KEY_VAULT_URL: sources.vaultUri
  AZURE_REDIS_RESOURCE_ID: sources.cacheId
  DATABASE_URL: databaseUrl
  ALERT_WEBHOOK_URL: alertWebhookUrl
  ALERT_WEBHOOK_SECRET: alertWebhookSecret
}

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

  // No key is among them: storage, Redis, Key Vault and telemetry are reached by the app's identity. Whatever isn't here
  // has a default in the app (docs/settings.md); `app.settings` differs from it.
  resource appSettings 'config' = {
    name: 'appsettings'
    properties: empty(app.?settings ?? {}) ? settings : { ...settings, ...app.settings! }
  }

  // Publishing takes an Entra token, never a user name and a password. There is no FTP on Flex Consumption.
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

@sealed()
@description('What the settings are made from.')
type sourcesType = {
  @description('Required. Name of the cache.')
  cacheName: string

  @description('Required. Host name of the cache.')
  cacheHostName: string

  @description('Required. Resource id of the cache.')
  cacheId: string

  @description('Required. Facts of its offering.')
  facts: offeringType

  @description('Required. Blob endpoint of the app’s storage.')
  blobEndpoint: string

  @description('Required. Queue endpoint of the app’s storage.')
  queueEndpoint: string

  @description('Required. Table endpoint of the app’s storage.')
  tableEndpoint: string

  @description('Required. Object id of the app’s identity, which is its user name in Redis.')
  principalId: string

  @description('Required. Address of the key vault.')
  vaultUri: string

  @description('Required. Client id of the app’s identity.')
  clientId: string

  @description('Required. Where telemetry is sent.')
  insightsConnectionString: string
}
