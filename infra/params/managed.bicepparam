// Azure Managed Redis, the story's equal: Balanced_B10 with high availability and hourly snapshots.
using '../main.bicep'

param cache = {
  offering: 'managed'
  sku: 'Balanced_B10'
  highAvailability: true
  clusteringPolicy: 'OSSCluster'
  // Sessions share the memory with cached data here: a full cache logs somebody out. 'VolatileLRU' is no better, since
  // sessions have a TTL; 'NoEviction' keeps them and refuses writes instead.
  evictionPolicy: 'AllKeysLRU'
  durability: { kind: 'rdb', every: '1h' }
  maintenance: [
    { day: 'Sunday', startHourUtc: 2, hours: 10 }
    { day: 'Saturday', startHourUtc: 2, hours: 8 }
  ]
}

param network = {
  kind: 'new'
  addressPrefix: '10.20.0.0/16'
  functionsSubnetPrefix: '10.20.6.0/24'
  endpointsSubnetPrefix: '10.20.5.0/24'
}

// The web tier. Its managed identity's object id makes it a user of the cache, too.
param clients = [
  { name: 'web', subnetPrefix: '10.20.2.0/24' }
]

param app = {
  nodeVersion: '22'
  instanceMemoryMb: 2048
  maximumInstances: 10
  allowedAddresses: []
}

param databaseUrl = readEnvironmentVariable('DATABASE_URL', '')

param alertWebhookUrl = readEnvironmentVariable('ALERT_WEBHOOK_URL', '')

param alertWebhookSecret = readEnvironmentVariable('ALERT_WEBHOOK_SECRET', '')
