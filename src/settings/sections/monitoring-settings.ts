import { measured, optionalWhole, section, textLike, textOr, webAddress, whole } from '../setting';

export const monitoringSettings = section('Monitoring', {
  CACHE_NAME: {
    schema: textOr('redis', 'a short name'),
    meaning: 'Name of this cache in samples, alerts and reports: the label `cache`.',
  },
  SAMPLES_MINUTE_DAYS: {
    schema: measured('days', whole(7, 1, 90)),
    meaning: 'How long the sample of each minute is kept.',
    danger: 'A node makes about 10 KB a minute: 100 MB for 7 days.',
  },
  SAMPLES_HOUR_DAYS: {
    schema: measured('days', whole(90, 2, 800)),
    meaning: 'How long hours, rolled up from minutes, are kept.',
  },
  SAMPLES_DAY_DAYS: {
    schema: measured('days', whole(800, 7, 4_000)),
    meaning: 'How long days, rolled up from hours, are kept.',
  },
  REDIS_MAX_CLIENTS: {
    schema: measured('connections', optionalWhole(1)),
    meaning: 'Connections that the tier allows on a node, for servers that do not report it: Redis 6.0 (Premium).',
    danger: 'Without it there is no ConnectionsHigh alert on such a server.',
  },
  REDIS_MAX_MEMORY_BYTES: {
    schema: measured('bytes', optionalWhole(1)),
    meaning: 'Memory of a node, for servers that report no limit.',
    danger: 'Without it there are no memory alerts on such a server.',
  },
  AZURE_REDIS_RESOURCE_ID: {
    schema: textLike(/^\/subscriptions\//, 'a resource id, /subscriptions/…'),
    meaning:
      'Resource id of the cache: turns on platform metrics from Azure Monitor. The identity needs Monitoring Reader.',
  },
  AZURE_MONITOR_ENDPOINT: {
    schema: webAddress(),
    meaning: 'Endpoint of Azure Monitor in other clouds than the public one.',
  },
});
