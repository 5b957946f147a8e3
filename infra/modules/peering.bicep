metadata description = 'One direction of a peering between two virtual networks.'

@description('Required. Name of the virtual network in this resource group.')
param virtualNetworkName string

@description('Required. Resource id of the other one.')
param remoteVirtualNetworkId string

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-05-01' existing = {
  name: virtualNetworkName
}

resource peering 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2025-05-01' = {
  parent: virtualNetwork
  name: 'to-${last(split(remoteVirtualNetworkId, '/'))}'
  properties: {
    allowVirtualNetworkAccess: true
    allowForwardedTraffic: false
    allowGatewayTransit: false
    useRemoteGateways: false
    remoteVirtualNetwork: { id: remoteVirtualNetworkId }
  }
}
