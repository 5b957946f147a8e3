metadata description = 'The private DNS zones and their links to the virtual networks.'

import { tagsType } from '../types.bicep'

@description('Required. Names of the zones.')
param zoneNames string[]

@description('Required. Virtual networks that resolve by them.')
param virtualNetworkIds string[]

@description('Required. Tags.')
param tags tagsType

@description('Every zone with every network.')
var links = flatten(map(
  range(0, length(zoneNames)),
  zone => map(range(0, length(virtualNetworkIds)), network => { zone: zone, network: network })
))

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource zones_links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for link in links: {
    parent: zones[link.zone]
    name: 'to-${last(split(virtualNetworkIds[link.network], '/'))}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: virtualNetworkIds[link.network] }
    }
  }
]
