metadata description = 'A private endpoint at a static address, with its name in a private DNS zone.'

import { tagsType } from '../types.bicep'

@description('Required. Name.')
param name string

@description('Required. Name of its connection.')
param connectionName string

@description('Required. Name of its DNS zone group.')
param zoneGroupName string

@description('Required. Region: that of the subnet.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Subnet.')
param subnetId string

@description('Required. Address in that subnet. Static, since otherwise the first endpoint gets the first free one.')
param address string

@description('Required. Resource that it leads to.')
param targetId string

@description('Required. Sub-resource of the target: `redisCache`, `redisEnterprise`, `blob`, `queue`, `table` or `vault`.')
param groupId string

@description('Optional. Name of the target’s address within the sub-resource, if it is not the sub-resource’s own.')
param memberName string = groupId

@description('Required. Private DNS zone.')
param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    customNetworkInterfaceName: 'nic-${name}'
    ipConfigurations: [
      {
        name: 'static'
        properties: { groupId: groupId, memberName: memberName, privateIPAddress: address }
      }
    ]
    privateLinkServiceConnections: [
      {
        name: connectionName
        properties: { privateLinkServiceId: targetId, groupIds: [groupId] }
      }
    ]
  }
}

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: endpoint
  name: zoneGroupName
  properties: {
    privateDnsZoneConfigs: [{ name: groupId, properties: { privateDnsZoneId: zoneId } }]
  }
}
