metadata description = 'The app settings of the function app: those that only the deployment knows. All others have defaults in the app (docs/settings.md).'

import { offeringType } from 'offerings.bicep'
import { settingsType } from 'types.bicep'

@export()
@sealed()
@description('What the settings are made from.')
type sourcesType = {
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

  @description('Required. Client id of the app’s identity.')
  clientId: string

  @description('Required. Where telemetry is sent.')
  insightsConnectionString: string
}

@export()
@description('The settings. No key is among them: storage, Redis, Key Vault and telemetry are reached by the app’s identity.')
func settingsOf(sources sourcesType) settingsType => {
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
  REDIS_MODE: sources.facts.mode
  REDIS_SESSIONS_DB: '0'
  REDIS_CACHE_DB: '0'
  REDIS_WORK_DB: '0'
  REDIS_MAX_CLIENTS: string(sources.facts.maxClients)
  AZURE_REDIS_RESOURCE_ID: sources.cacheId
}
