metadata description = 'What main.bicep may be asked for. A combination that the platform refuses cannot be written here; if a type cannot say it, guards.bicep refuses with the reason.'

// Shared

@export()
@sealed()
@description('A region and a resource group of its own for the second cache. The resource group must exist.')
type secondaryType = {
  @description('Required. Region of the second cache, another one than the first’s.')
  location: string

  @description('Required. Name of the resource group that holds the second cache and its network.')
  resourceGroup: string
}

@export()
@description('A day of the week, UTC.')
type dayType = 'Monday' | 'Tuesday' | 'Wednesday' | 'Thursday' | 'Friday' | 'Saturday' | 'Sunday'

@export()
@description('`off`: Entra tokens only. `key-vault`: keys stay on as well, and the primary one is kept in Key Vault as `redis-access-key`.')
type accessKeysType = 'off' | 'key-vault'

@export()
@description('Tags, by name.')
type tagsType = {
  @description('A tag.')
  *: string
}

@export()
@description('Principals that use the cache’s data, by object id.')
type cacheUserType = {
  @description('Required. Short name.')
  name: string

  @description('Required. Object id of the identity.')
  principalId: string

  @description('Required. `app` may also look into the server (INFO, SLOWLOG); `client` reads and writes data.')
  kind: 'app' | 'client'
}

@export()
@sealed()
@description('Where snapshots go.')
type backupType = {
  @description('Required. Resource id of the identity that writes them.')
  identityId: string

  @description('Required. Blob endpoint of the account.')
  blobEndpoint: string
}

// Premium: Azure Cache for Redis

@export()
@description('An availability zone.')
type zoneType = '1' | '2' | '3'

@export()
@sealed()
@description('No persistence: a lost shard comes back empty.')
type premiumPlainType = {
  @description('Required. The kind of durability.')
  kind: 'none'

  @description('Optional. Availability zones of the nodes; none if left out.')
  @minLength(1)
  zones: zoneType[]?

  @description('Optional. Replicas of each shard. One by default.')
  @minValue(1)
  @maxValue(3)
  replicas: int?
}

@export()
@sealed()
@description('A snapshot at intervals, written to backup storage by managed identity. The service keeps the newest one only.')
type premiumRdbType = {
  @description('Required. The kind of durability.')
  kind: 'rdb'

  @description('Required. Minutes between snapshots.')
  everyMinutes: 15 | 30 | 60 | 360 | 720 | 1440

  @description('Optional. Availability zones of the nodes; none if left out.')
  @minLength(1)
  zones: zoneType[]?

  @description('Optional. Replicas of each shard. One by default.')
  @minValue(1)
  @maxValue(3)
  replicas: int?
}

@export()
@sealed()
@description('Every write appended to backup storage by managed identity. It excludes more than one replica, so there is no choice of replicas here.')
type premiumAofType = {
  @description('Required. The kind of durability.')
  kind: 'aof'

  @description('Optional. Availability zones of the nodes; none if left out.')
  @minLength(1)
  zones: zoneType[]?
}

@export()
@sealed()
@description('A linked second cache of the same shape in another region. It excludes persistence, zones and more than one replica, so none of them can be written here.')
type premiumGeoType = {
  @description('Required. The kind of durability.')
  kind: 'geo'

  @description('Required. Where the second cache lives.')
  secondary: secondaryType
}

@export()
@discriminator('kind')
@description('How data outlives a failure: exactly one way.')
type premiumDurabilityType = premiumPlainType | premiumRdbType | premiumAofType | premiumGeoType

@export()
@sealed()
@description('Azure Cache for Redis, Premium. It retires on 2028-09-30; subscriptions that had none before 2026-04-01 cannot create one.')
type premiumType = {
  @description('Required. Which of the two services.')
  offering: 'premium'

  @description('Required. Size of a shard: 6, 13, 26, 53 or 120 GB.')
  capacity: 1 | 2 | 3 | 4 | 5

  @description('Required. Shards of the cluster.')
  @minValue(1)
  @maxValue(30)
  shards: int

  @description('Required. What goes when memory is full. Every `allkeys` policy may evict a session, `volatile` and `noeviction` refuse writes instead.')
  evictionPolicy:
    | 'allkeys-lru'
    | 'allkeys-lfu'
    | 'allkeys-random'
    | 'volatile-lru'
    | 'volatile-lfu'
    | 'volatile-random'
    | 'volatile-ttl'
    | 'noeviction'

  @description('Required. Memory of a shard kept for replication and failover, in MB: 10 to 60 % of the shard.')
  reservedMemoryMb: int

  @description('Required. Memory of a shard kept for fragmentation, in MB: 10 to 60 % of the shard.')
  reservedFragmentationMb: int

  @description('Required. How data outlives a failure.')
  durability: premiumDurabilityType

  @description('Required. When the service may patch: five hours from this hour, UTC.')
  patch: {
    @description('Required. Day of the week.')
    day: dayType

    @description('Required. First hour, UTC.')
    @minValue(0)
    @maxValue(23)
    startHourUtc: int
  }

  @description('Optional. Whether access keys work beside Entra tokens. Off by default.')
  accessKeys: accessKeysType?
}

// Managed: Azure Managed Redis

@export()
@sealed()
@description('No persistence: a cache that loses all its nodes comes back empty.')
type managedPlainType = {
  @description('Required. The kind of durability.')
  kind: 'none'
}

@export()
@sealed()
@description('A snapshot at intervals, kept on the service’s own disk.')
type managedRdbType = {
  @description('Required. The kind of durability.')
  kind: 'rdb'

  @description('Required. Time between snapshots.')
  every: '1h' | '6h' | '12h'
}

@export()
@sealed()
@description('Every write appended each second, kept on the service’s own disk.')
type managedAofType = {
  @description('Required. The kind of durability.')
  kind: 'aof'
}

@export()
@sealed()
@description('Active geo-replication: both caches take writes. It excludes persistence.')
type managedGeoType = {
  @description('Required. The kind of durability.')
  kind: 'geo'

  @description('Required. Name of the replication group; it cannot be changed later.')
  @minLength(1)
  @maxLength(63)
  group: string

  @description('Required. Where the second cache lives.')
  secondary: secondaryType
}

@export()
@discriminator('kind')
@description('How data outlives a failure: exactly one way.')
type managedDurabilityType = managedPlainType | managedRdbType | managedAofType | managedGeoType

@export()
@sealed()
@description('A weekly window in which the service may patch.')
type maintenanceWindowType = {
  @description('Required. Day of the week.')
  day: dayType

  @description('Required. First hour, UTC.')
  @minValue(0)
  @maxValue(23)
  startHourUtc: int

  @description('Required. Length in hours.')
  @minValue(4)
  @maxValue(24)
  hours: int
}

@export()
@description('Sizes of Azure Managed Redis: Balanced, MemoryOptimized, ComputeOptimized and FlashOptimized.')
type managedSkuType =
  | 'Balanced_B0'
  | 'Balanced_B1'
  | 'Balanced_B3'
  | 'Balanced_B5'
  | 'Balanced_B10'
  | 'Balanced_B20'
  | 'Balanced_B50'
  | 'Balanced_B100'
  | 'Balanced_B150'
  | 'Balanced_B250'
  | 'Balanced_B350'
  | 'Balanced_B500'
  | 'Balanced_B700'
  | 'Balanced_B1000'
  | 'MemoryOptimized_M10'
  | 'MemoryOptimized_M20'
  | 'MemoryOptimized_M50'
  | 'MemoryOptimized_M100'
  | 'MemoryOptimized_M150'
  | 'MemoryOptimized_M250'
  | 'MemoryOptimized_M350'
  | 'MemoryOptimized_M500'
  | 'MemoryOptimized_M700'
  | 'MemoryOptimized_M1000'
  | 'MemoryOptimized_M1500'
  | 'MemoryOptimized_M2000'
  | 'ComputeOptimized_X3'
  | 'ComputeOptimized_X5'
  | 'ComputeOptimized_X10'
  | 'ComputeOptimized_X20'
  | 'ComputeOptimized_X50'
  | 'ComputeOptimized_X100'
  | 'ComputeOptimized_X150'
  | 'ComputeOptimized_X250'
  | 'ComputeOptimized_X350'
  | 'ComputeOptimized_X500'
  | 'ComputeOptimized_X700'
  | 'FlashOptimized_A250'
  | 'FlashOptimized_A500'
  | 'FlashOptimized_A700'
  | 'FlashOptimized_A1000'
  | 'FlashOptimized_A1500'
  | 'FlashOptimized_A2000'
  | 'FlashOptimized_A4500'

@export()
@sealed()
@description('Azure Managed Redis. It has no zones to choose (high availability spreads by itself) and one database.')
type managedType = {
  @description('Required. Which of the two services.')
  offering: 'managed'

  @description('Required. Size. The number is nearly gigabytes (B10 has 12), of which the service keeps a fifth.')
  sku: managedSkuType

  @description('Required. Two nodes in two zones with a service level, or one without. It can be turned on later, never off.')
  highAvailability: bool

  @description('Required. `OSSCluster` scales best and is what the app expects; `EnterpriseCluster` hides the shards behind a proxy; `NoCluster` is one shard up to 25 GB. It cannot be changed later without recreating the database.')
  clusteringPolicy: 'OSSCluster' | 'EnterpriseCluster' | 'NoCluster'

  @description('Required. What goes when memory is full. Every `AllKeys` policy may evict a session (its user is logged out); `Volatile` ones leave what has no TTL, and sessions have one; `NoEviction` refuses writes, so that a full cache stops logins instead of ending sessions.')
  evictionPolicy:
    | 'AllKeysLRU'
    | 'AllKeysLFU'
    | 'AllKeysRandom'
    | 'VolatileLRU'
    | 'VolatileLFU'
    | 'VolatileRandom'
    | 'VolatileTTL'
    | 'NoEviction'

  @description('Required. How data outlives a failure.')
  durability: managedDurabilityType

  @description('Required. When the service may patch: at least two windows, together at least 18 hours a week.')
  @minLength(2)
  maintenance: maintenanceWindowType[]

  @description('Optional. Whether access keys work beside Entra tokens. Off by default.')
  accessKeys: accessKeysType?
}

@export()
@discriminator('offering')
@description('The cache, of one offering or the other. `offering` has no default: it is a decision.')
type cacheType = premiumType | managedType

// Network

@export()
@sealed()
@description('Static addresses of the private endpoints.')
type addressesType = {
  @description('Required. Of the cache.')
  cache: string

  @description('Required. Of blob storage.')
  blob: string

  @description('Required. Of queue storage.')
  queue: string

  @description('Required. Of table storage.')
  table: string

  @description('Required. Of Key Vault.')
  vault: string
}

@export()
@sealed()
@description('Private DNS zones of one’s own, by resource id. They must be linked to the virtual networks.')
type zoneIdsType = {
  @description('Required. `privatelink.redis.cache.windows.net` for premium, `privatelink.redis.azure.net` for managed.')
  cache: string

  @description('Required. `privatelink.blob.` and the storage suffix.')
  blob: string

  @description('Required. `privatelink.queue.` and the storage suffix.')
  queue: string

  @description('Required. `privatelink.table.` and the storage suffix.')
  table: string

  @description('Required. `privatelink.vaultcore.azure.net`.')
  vault: string
}

@export()
@sealed()
@description('Where a private endpoint goes and what it is called.')
type endpointType = {
  @description('Required. Name.')
  name: string

  @description('Required. Name of its connection.')
  connectionName: string

  @description('Required. Name of its DNS zone group.')
  zoneGroupName: string

  @description('Required. Subnet.')
  subnetId: string

  @description('Required. Address in that subnet.')
  address: string

  @description('Required. Private DNS zone.')
  zoneId: string
}

@export()
@sealed()
@description('A virtual network that this deployment makes and owns.')
type newNetworkType = {
  @description('Required. Made here, or there already.')
  kind: 'new'

  @description('Required. Address space of the virtual network.')
  addressPrefix: string

  @description('Required. Subnet of the function app: at least a /27, nothing else in it.')
  functionsSubnetPrefix: string

  @description('Required. Subnet of the private endpoints. The cache gets its fourth address, 10.20.5.4 of 10.20.5.0/24.')
  endpointsSubnetPrefix: string

  @description('Conditional. Needed with geo-replication: the virtual network beside the second cache, peered with the first.')
  secondary: {
    @description('Required. Address space; it must not overlap the first’s.')
    addressPrefix: string

    @description('Required. Subnet of the second cache’s private endpoint.')
    endpointsSubnetPrefix: string
  }?
}

@export()
@sealed()
@description('A virtual network of one’s own. Its subnets must let the app reach the endpoints: see docs/infrastructure.md for the ports.')
type existingNetworkType = {
  @description('Required. Made here, or there already.')
  kind: 'existing'

  @description('Required. Resource id of the virtual network; new private DNS zones are linked to it.')
  virtualNetworkId: string

  @description('Required. Resource id of a subnet delegated to `Microsoft.App/environments`, with nothing else in it.')
  functionsSubnetId: string

  @description('Required. Resource id of the subnet of the private endpoints.')
  endpointsSubnetId: string

  @description('Required. Prefix of the subnet of the private endpoints; the addresses must lie in it.')
  endpointsSubnetPrefix: string

  @description('Required. Free addresses of that subnet, one for each private endpoint.')
  addresses: addressesType

  @description('Optional. Private DNS zones of one’s own. Made here and linked if left out.')
  privateDnsZoneIds: zoneIdsType?

  @description('Conditional. Needed with geo-replication: where the second cache’s private endpoint goes, in a peered virtual network.')
  secondary: {
    @description('Required. Resource id of the virtual network in the second region.')
    virtualNetworkId: string

    @description('Required. Resource id of the subnet in the second region.')
    endpointsSubnetId: string

    @description('Required. Prefix of that subnet.')
    endpointsSubnetPrefix: string

    @description('Required. A free address of it.')
    cacheAddress: string
  }?
}

@export()
@discriminator('kind')
@description('The network: made here, or one’s own.')
type networkType = newNetworkType | existingNetworkType

@export()
@sealed()
@description('A web app that feeds the cache: it reads and writes entries and sessions, and appends to the journal of write-behind.')
type clientType = {
  @description('Required. Short name: letters and digits.')
  @minLength(3)
  @maxLength(24)
  name: string

  @description('Required. Its subnet; the network lets it reach the cache, storage and Key Vault.')
  subnetPrefix: string

  @description('Conditional. Object id of its managed identity. Leave it out while there is none: then only its subnet is let in.')
  principalId: string?
}

// The app

@export()
@description('App settings, by name.')
type settingsType = {
  @description('A setting.')
  *: string
}

@export()
@sealed()
@description('The function app.')
type appType = {
  @description('Required. Node version.')
  nodeVersion: '22' | '24'

  @description('Required. Memory of an instance, in MB.')
  instanceMemoryMb: 512 | 2048 | 4096

  @description('Required. Most instances of the app. Every instance of every function holds a Redis connection and two of the database.')
  @minValue(1)
  @maxValue(1000)
  maximumInstances: int

  @description('Required. Addresses (CIDR) that may call the app and publish to it. Empty: nobody from outside may.')
  allowedAddresses: string[]

  @description('Optional. Settings that differ from the app’s defaults, by name (docs/settings.md). Not for secrets.')
  settings: settingsType?
}

@export()
@sealed()
@description('Names of everything that is made.')
type namesType = {
  @description('Optional. The cache.')
  cache: string?

  @description('Optional. The second cache of geo-replication.')
  secondaryCache: string?

  @description('Optional. The private endpoint of the cache.')
  privateEndpoint: string?

  @description('Optional. The connection of that private endpoint.')
  privateConnection: string?

  @description('Optional. The DNS zone group of that private endpoint.')
  zoneGroup: string?

  @description('Optional. Every diagnostic setting.')
  diagnostics: string?

  @description('Optional. The function app: unique in the world.')
  functionApp: string?

  @description('Optional. The storage account of the app: unique in the world.')
  storage: string?

  @description('Optional. The storage account of snapshots: unique in the world.')
  backupStorage: string?

  @description('Optional. The key vault: unique in the world.')
  vault: string?
}
