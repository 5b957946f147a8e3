metadata description = 'A virtual network with the subnet of the private endpoints, the rules that guard it and, in the app’s own region, the subnet of the function app.'

import { tagsType } from '../types.bicep'

@description('Required. Name of the virtual network.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Address space.')
param addressPrefix string

@description('Required. Subnet of the private endpoints.')
param endpointsSubnetPrefix string

@description('Optional. Subnet of the function app; none if left out.')
param functionsSubnetPrefix string?

@description('Required. Prefixes that may reach the private endpoints: the functions subnet and those of the clients.')
param sources string[]

@description('Required. Ports of the cache.')
param cachePorts string[]

@description('Required. Name of the diagnostic settings.')
param diagnosticsName string

@description('Required. Log Analytics workspace.')
param workspaceId string

@description('What the endpoints subnet lets in. The platform’s own rule would let every address of the network in, so the last one closes it.')
var rules = [
  {
    name: 'AllowCache'
    priority: 100
    access: 'Allow'
    sources: sources
    ports: cachePorts
    protocol: 'Tcp'
  }
  {
    name: 'AllowStorageAndVault'
    priority: 110
    access: 'Allow'
    sources: sources
    ports: ['443']
    protocol: 'Tcp'
  }
  {
    name: 'DenyAllElse'
    priority: 4096
    access: 'Deny'
    sources: ['0.0.0.0/0']
    ports: ['0-65535']
    protocol: '*'
  }
]

resource endpointsGuard 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      for rule in rules: {
        name: rule.name
        properties: {
          direction: 'Inbound'
          priority: rule.priority
          access: rule.access
          protocol: rule.protocol
          sourceAddressPrefixes: rule.sources
          sourcePortRange: '*'
          destinationAddressPrefix: endpointsSubnetPrefix
          destinationPortRanges: rule.ports
        }
      }
    ]
  }
}

resource endpointsGuard_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: endpointsGuard
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

// Without `subnets` here, deploying again leaves subnets that others have added.
resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
  }
}

resource virtualNetwork_diagnosticSettings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: virtualNetwork
  name: diagnosticsName
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

resource endpointsSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: virtualNetwork
  name: 'snet-endpoints'
  properties: {
    addressPrefix: endpointsSubnetPrefix
    defaultOutboundAccess: false
    networkSecurityGroup: { id: endpointsGuard.id }
    // Without this the rules would not hold for private endpoints.
    privateEndpointNetworkPolicies: 'Enabled'
  }
}

// One subnet at a time: the network refuses two changes at once.
resource functionsSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = if (functionsSubnetPrefix != null) {
  parent: virtualNetwork
  name: 'snet-functions'
  properties: {
    addressPrefix: functionsSubnetPrefix!
    delegations: [{ name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }]
  }
  dependsOn: [endpointsSubnet]
}
