// The story's cache: Premium P1 with two shards, hourly snapshots and two zones. Only names are yours to change.
using '../main.bicep'

param cache = {
  offering: 'premium'
  capacity: 1
  shards: 2
  evictionPolicy: 'allkeys-lru'
  reservedMemoryMb: 642
  reservedFragmentationMb: 642
  durability: {
    kind: 'rdb'
    everyMinutes: 60
    zones: ['1', '2']
  }
  patch: { day: 'Sunday', startHourUtc: 2 }
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
