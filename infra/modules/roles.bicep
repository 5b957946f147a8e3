metadata description = 'Every role assignment of the deployment: who may do what, on what, and no more.'

@description('Optional. A Premium cache with persistence: its identity, and the account its snapshots go to.')
param backup backupGrantType?

@description('Conditional. Needed with backup: object id of the cache’s identity.')
param backupPrincipalId string?

@description('Conditional. Needed with work: object id of the function app’s identity.')
param appPrincipalId string?

@description('Optional. The function app, the web apps that feed the cache, and what they work with.')
param work workGrantType?

@description('The platform’s roles, by id.')
var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataReader: '19e7f393-937e-4f77-808e-94535e297925'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  monitoringReader: '43d0d8ad-25c7-4714-9337-8ba259a9fe05'
}

// The cache writes its snapshots.

resource backupAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = if (backup != null) {
  name: backup!.accountName
}

resource backup_blobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (backup != null) {
  scope: backupAccount
  name: guid(backupAccount.id, backup!.identityName, roles.storageBlobDataContributor)
  properties: {
    principalId: backupPrincipalId!
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
    description: 'The cache writes its snapshots here.'
  }
}

// The function app works with all of its own storage, reads secrets, sends telemetry and reads the cache's metrics.

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = if (work != null) {
  name: work!.storageName
}

resource journal 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = if (work != null) {
  name: '${work!.storageName}/default/${work!.journalQueueName}'
}

resource claims 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = if (work != null) {
  name: '${work!.storageName}/default/${work!.claimsContainerName}'
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = if (work != null) {
  name: work!.vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = if (work != null) {
  name: work!.insightsName
}

resource premium 'Microsoft.Cache/redis@2024-11-01' existing = if (work.?offering == 'premium') {
  name: work!.cacheName
}

resource managed 'Microsoft.Cache/redisEnterprise@2026-09-01' existing = if (work.?offering == 'managed') {
  name: work!.cacheName
}

@description('The app’s roles on its storage: the host keeps its locks and keys in blobs, the jobs work on queues and tables.')
var storageRoles = [
  { id: roles.storageBlobDataOwner, why: 'The host’s locks and keys, the app’s package, passes, reports and claims.' }
  { id: roles.storageQueueDataContributor, why: 'The queues of the jobs and their poison queues.' }
  { id: roles.storageTableDataContributor, why: 'Samples, dead letters and the record of job runs.' }
]

resource app_storage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in storageRoles: if (work != null) {
    scope: storage
    name: guid(storage.id, work!.appIdentityName, role.id)
    properties: {
      principalId: appPrincipalId!
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.id)
      description: role.why
    }
  }
]

resource app_vault 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (work != null) {
  scope: vault
  name: guid(vault.id, work!.appIdentityName, roles.keyVaultSecretsUser)
  properties: {
    principalId: appPrincipalId!
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    description: 'Reads the session secrets.'
  }
}

resource app_insights 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (work != null) {
  scope: insights
  name: guid(insights.id, work!.appIdentityName, roles.monitoringMetricsPublisher)
  properties: {
    principalId: appPrincipalId!
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
    description: 'Sends telemetry: local authentication is off.'
  }
}

resource app_premium 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (work.?offering == 'premium') {
  scope: premium
  name: guid(premium.id, work!.appIdentityName, roles.monitoringReader)
  properties: {
    principalId: appPrincipalId!
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringReader)
    description: 'Reads the cache’s platform metrics.'
  }
}

resource app_managed 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (work.?offering == 'managed') {
  scope: managed
  name: guid(managed.id, work!.appIdentityName, roles.monitoringReader)
  properties: {
    principalId: appPrincipalId!
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringReader)
    description: 'Reads the cache’s platform metrics.'
  }
}

// A web app appends to one queue and sees its length, puts large values into one container and reads secrets.

resource client_journal 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in work.?clientPrincipalIds ?? []: {
    scope: journal
    name: guid(journal.id, principalId, roles.storageQueueDataMessageSender)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.storageQueueDataMessageSender
      )
      description: 'Appends to the journal of write-behind.'
    }
  }
]

resource client_backlog 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in work.?clientPrincipalIds ?? []: {
    scope: journal
    name: guid(journal.id, principalId, roles.storageQueueDataReader)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataReader)
      description: 'Sees how far the journal is behind: a writer keeps to its limits.'
    }
  }
]

resource client_claims 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in work.?clientPrincipalIds ?? []: {
    scope: claims
    name: guid(claims.id, principalId, roles.storageBlobDataContributor)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.storageBlobDataContributor
      )
      description: 'Puts values too large for a message where the journal claims them.'
    }
  }
]

resource client_vault 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in work.?clientPrincipalIds ?? []: {
    scope: vault
    name: guid(vault.id, principalId, roles.keyVaultSecretsUser)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
      description: 'Reads the session secrets.'
    }
  }
]

@sealed()
@description('A cache’s identity and where it writes.')
type backupGrantType = {
  @description('Required. Name of the cache’s identity. Assignments are named by it, since its object id is not known before it is made.')
  identityName: string

  @description('Required. Storage account of the snapshots.')
  accountName: string
}

@sealed()
@description('Who works with what.')
type workGrantType = {
  @description('Required. Name of the function app’s identity. Assignments are named by it, since its object id is not known before it is made.')
  appIdentityName: string

  @description('Required. Object ids of the web apps’ identities.')
  clientPrincipalIds: string[]

  @description('Required. The app’s storage account.')
  storageName: string

  @description('Required. Queue that is the journal of write-behind.')
  journalQueueName: string

  @description('Required. Container of values too large for a message.')
  claimsContainerName: string

  @description('Required. The key vault.')
  vaultName: string

  @description('Required. Application Insights.')
  insightsName: string

  @description('Required. The cache.')
  cacheName: string

  @description('Required. Its offering.')
  offering: 'premium' | 'managed'
}
