metadata description = 'A user-assigned identity.'

import { tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Object id, which is also the Redis user name.')
output principalId string = identity.properties.principalId

@description('Client id.')
output clientId string = identity.properties.clientId
