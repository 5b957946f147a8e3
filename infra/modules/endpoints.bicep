metadata description = 'Private endpoints of storage and Key Vault, one after another at addresses of their own.'

import { addressesType, tagsType, zoneIdsType } from '../types.bicep'

@description('Required. Name of the DNS zone groups.')
param zoneGroupName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Subnet.')
param subnetId string

@description('Required. Addresses.')
param addresses addressesType

@description('Required. Private DNS zones.')
param zoneIds zoneIdsType

@description('Required. Resource id of the storage account.')
param storageId string

@description('Required. Resource id of the key vault.')
param vaultId string

@description('What gets an endpoint. Key Vault calls its one member `default`.')
var targets = [
  { groupId: 'blob', memberName: 'blob', targetId: storageId, address: addresses.blob, zoneId: zoneIds.blob }
  { groupId: 'queue', memberName: 'queue', targetId: storageId, address: addresses.queue, zoneId: zoneIds.queue }
  { groupId: 'table', memberName: 'table', targetId: storageId, address: addresses.table, zoneId: zoneIds.table }
  { groupId: 'vault', memberName: 'default', targetId: vaultId, address: addresses.vault, zoneId: zoneIds.vault }
]

@batchSize(1)
module endpoints 'private-endpoint.bicep' = [
  for target in targets: {
    params: {
      name: 'pe-${target.groupId}'
      connectionName: 'psc-${target.groupId}'
      zoneGroupName: zoneGroupName
      location: location
      tags: tags
      subnetId: subnetId
      address: target.address
      targetId: target.targetId
      groupId: target.groupId
      memberName: target.memberName
      zoneId: target.zoneId
    }
  }
]
