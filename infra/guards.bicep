metadata description = 'Refuses what no type can: each function gives back what it was given, or fails with the reason.'

import { cacheType, clientType, managedType, networkType, premiumType } from 'types.bicep'

// Regions and addresses

@description('A region’s name as it is compared: `West US` and `westus` are one.')
func plain(region string) string => toLower(replace(region, ' ', ''))

@description('Whether two prefixes share an address.')
func overlap(a string, b string) bool =>
  parseCidr('${parseCidr(a).network}/${min(parseCidr(a).cidr, parseCidr(b).cidr)}').network == parseCidr('${parseCidr(b).network}/${min(parseCidr(a).cidr, parseCidr(b).cidr)}').network

@description('Whether an address lies in a prefix.')
func within(address string, prefix string) bool => overlap('${address}/32', prefix)

// Premium

@description('Gigabytes of one shard, by capacity.')
func shardGb(capacity int) int => [0, 6, 13, 26, 53, 120][capacity]

@description('Whether an amount of reserved memory is within 10 to 60 % of a shard.')
func reservable(mb int, capacity int) bool => mb * 10 >= shardGb(capacity) * 1024 && mb * 10 <= shardGb(capacity) * 6144

@export()
@description('Refuses a Premium cache that the platform would refuse, or would change in silence.')
func legalPremium(cache premiumType, location string, resourceGroupName string) premiumType =>
  !reservable(cache.reservedMemoryMb, cache.capacity)
    ? fail('reservedMemoryMb is ${cache.reservedMemoryMb}: it is megabytes of a ${shardGb(cache.capacity)} GB shard and must be 10 to 60 % of it; the service would silently take the nearest legal value.')
    : !reservable(cache.reservedFragmentationMb, cache.capacity)
        ? fail('reservedFragmentationMb is ${cache.reservedFragmentationMb}: it is megabytes of a ${shardGb(cache.capacity)} GB shard and must be 10 to 60 % of it; the service would silently take the nearest legal value.')
        : cache.durability.kind != 'geo' && length(union(cache.durability.?zones ?? [], [])) != length(cache.durability.?zones ?? []) ? fail('zones names a zone twice.') : cache.durability.kind != 'geo' ? cache : plain(cache.durability.secondary.location) == plain(location) ? fail('The secondary is in ${location}, as the primary is: geo-replication needs another region.') : toLower(cache.durability.secondary.resourceGroup) == toLower(resourceGroupName) ? fail('The secondary is in the primary’s resource group: give it one of its own, so that losing or deleting one leaves the other.') : (cache.?accessKeys ?? 'off') != 'off' ? fail('Access keys with geo-replication: each cache has keys of its own, so a client that uses them cannot follow a failover. Use Entra tokens (accessKeys off).') : cache

// Managed

@description('The number in a size’s name, nearly its gigabytes: 20 is 24 GB, 50 is 60 GB.')
func sizeNumber(sku string) int => int(substring(last(split(sku, '_')), 1))

@export()
@description('Refuses an Azure Managed Redis that the platform would refuse.')
func legalManaged(cache managedType, location string, resourceGroupName string) managedType =>
  cache.clusteringPolicy == 'NoCluster' && sizeNumber(cache.sku) > 25
    ? fail('${cache.sku} without clustering: NoCluster is one shard and ends at 25 GB (size 20).')
    : reduce(map(cache.maintenance, window => window.hours), 0, (sum, hours) => sum + hours) < 18
        ? fail('maintenance gives the service fewer than 18 hours a week to patch in.')
        : cache.durability.kind != 'geo'
            ? cache
            : !cache.highAvailability
                ? fail('Active geo-replication needs highAvailability.')
                : contains(['Balanced_B0', 'Balanced_B1'], cache.sku) || startsWith(cache.sku, 'FlashOptimized')
                    ? fail('${cache.sku} cannot be geo-replicated: take Balanced_B3 or larger, MemoryOptimized or ComputeOptimized.')
                    : plain(cache.durability.secondary.location) == plain(location)
                        ? fail('The secondary is in ${location}, as the primary is: geo-replication needs another region.')
                        : toLower(cache.durability.secondary.resourceGroup) == toLower(resourceGroupName)
                            ? fail('The secondary is in the primary’s resource group: give it one of its own, so that losing or deleting one leaves the other.')
                            : (cache.?accessKeys ?? 'off') != 'off'
                                ? fail('Access keys with geo-replication: each cache has keys of its own, and they cannot be turned off while linked. Use Entra tokens (accessKeys off).')
                                : cache

// Network

@export()
@description('Refuses a network in which the private endpoints could not be made or reached.')
func legalNetwork(network networkType, cache cacheType, clients clientType[]) networkType =>
  cache.durability.kind == 'geo' && network.?secondary == null
    ? fail('Geo-replication needs network.secondary: the second cache’s private endpoint lives in the second region.')
    : network.kind == 'existing'
        ? (toLower(network.functionsSubnetId) == toLower(network.endpointsSubnetId)
            ? fail('functionsSubnetId and endpointsSubnetId are one subnet: a subnet delegated to the function app holds nothing else.')
            : length(union(map(items(network.addresses), item => item.value), [])) != 5 ? fail('network.addresses gives one address to two private endpoints.') : !empty(filter(items(network.addresses), item => !within(item.value, network.endpointsSubnetPrefix))) ? fail('network.addresses has an address outside ${network.endpointsSubnetPrefix}.') : network.?secondary != null && !within(network.secondary!.cacheAddress, network.secondary!.endpointsSubnetPrefix) ? fail('network.secondary.cacheAddress is outside ${network.secondary!.endpointsSubnetPrefix}.') : network)
        : !overlap(network.functionsSubnetPrefix, network.addressPrefix) || !overlap(
              network.endpointsSubnetPrefix,
              network.addressPrefix
            )
            ? fail('A subnet lies outside the address space ${network.addressPrefix}.')
            : overlap(network.functionsSubnetPrefix, network.endpointsSubnetPrefix)
                ? fail('functionsSubnetPrefix and endpointsSubnetPrefix overlap: a subnet delegated to the function app holds nothing else.')
                : parseCidr(network.functionsSubnetPrefix).cidr > 27
                    ? fail('functionsSubnetPrefix is smaller than a /27: the function app could not scale out.')
                    : !empty(filter(
                          clients,
                          client =>
                            overlap(client.subnetPrefix, network.functionsSubnetPrefix) || overlap(
                              client.subnetPrefix,
                              network.endpointsSubnetPrefix
                            )
                        ))
                        ? fail('A client’s subnetPrefix overlaps the functions’ or the endpoints’ subnet.')
                        : network.?secondary != null && overlap(network.secondary!.addressPrefix, network.addressPrefix)
                            ? fail('network.secondary.addressPrefix overlaps ${network.addressPrefix}: the two cannot be peered.')
                            : network
