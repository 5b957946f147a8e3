metadata description = 'What differs between the offerings and is a fact of the platform: ports, names of zones, limits.'

import { cacheType } from 'types.bicep'

@export()
@sealed()
@description('Facts of the chosen offering.')
type offeringType = {
  @description('Port that clients connect to, TLS.')
  port: int

  @description('Every port of the cache that a client may need: the first one and those of the nodes.')
  ports: string[]

  @description('Name of the private DNS zone.')
  zoneName: string

  @description('How clients speak to it.')
  mode: 'cluster' | 'standalone'

  @description('Connections that one node or shard allows.')
  maxClients: int
}

@description('Connections by size and family of Azure Managed Redis. The number in a size’s name is nearly its gigabytes.')
var managedClients = {
  B0: 15000
  B1: 15000
  B3: 15000
  B5: 15000
  B10: 30000
  B20: 75000
  B50: 150000
  M10: 15000
  M20: 30000
  M50: 75000
  M100: 150000
  X3: 30000
  X5: 30000
  X10: 75000
  X20: 150000
}

@export()
@description('The facts of an offering. A clustered Premium cache speaks the cluster protocol, and so does the OSS policy of Azure Managed Redis.')
func factsOf(cache cacheType) offeringType =>
  cache.offering == 'premium'
    ? {
        port: 6380
        ports: ['6380', '13000-13999', '15000-15999']
        zoneName: 'privatelink.redis.cache.windows.net'
        mode: 'cluster'
        maxClients: [0, 7500, 15000, 30000, 40000, 40000][cache.capacity]
      }
    : {
        port: 10000
        ports: ['10000', '8500-8599']
        zoneName: 'privatelink.redis.azure.net'
        mode: cache.clusteringPolicy == 'OSSCluster' ? 'cluster' : 'standalone'
        maxClients: managedClients[?last(split(cache.sku, '_'))] ?? 200000
      }
