metadata description = 'A workbook: the story’s four groups of platform metrics, and what the app itself does.'

import { tagsType } from '../types.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Offering: which metrics there are.')
param offering 'premium' | 'managed'

@description('Required. Name of the cache.')
param cacheName string

@description('Required. Resource id of the cache.')
param cacheId string

@description('Required. Resource id of Application Insights.')
param insightsId string

@description('Required. Name of the function app.')
param functionAppName string

@description('Aggregations, by the numbers that workbooks know them by.')
var aggregations = { total: 1, maximum: 3, average: 4 }

@description('The groups and their metrics: those of one offering are not those of the other.')
var groups = offering == 'premium'
  ? [
      {
        title: 'Memory'
        metrics: [
          { name: 'usedmemorypercentage', aggregation: 'maximum' }
          { name: 'usedmemory', aggregation: 'maximum' }
          { name: 'usedmemoryRss', aggregation: 'maximum' }
        ]
      }
      {
        title: 'Performance'
        metrics: [
          { name: 'operationsPerSecond', aggregation: 'maximum' }
          { name: 'cachehits', aggregation: 'total' }
          { name: 'cachemisses', aggregation: 'total' }
          { name: 'evictedkeys', aggregation: 'total' }
          { name: 'serverLoad', aggregation: 'maximum' }
        ]
      }
      {
        title: 'Connections'
        metrics: [
          { name: 'connectedclients', aggregation: 'maximum' }
          { name: 'allConnectionsCreatedPerSecond', aggregation: 'maximum' }
          { name: 'allConnectionsClosedPerSecond', aggregation: 'maximum' }
        ]
      }
      {
        // Failed snapshots are counted here, by kind of error.
        title: 'Persistence'
        metrics: [
          { name: 'errors', aggregation: 'maximum' }
          { name: 'cacheWrite', aggregation: 'maximum' }
          { name: 'totalkeys', aggregation: 'maximum' }
        ]
      }
    ]
  : [
      {
        title: 'Memory'
        metrics: [
          { name: 'usedmemorypercentage', aggregation: 'maximum' }
          { name: 'usedmemory', aggregation: 'maximum' }
        ]
      }
      {
        title: 'Performance'
        metrics: [
          { name: 'operationsPerSecond', aggregation: 'maximum' }
          { name: 'cachehits', aggregation: 'total' }
          { name: 'cachemisses', aggregation: 'total' }
          { name: 'evictedkeys', aggregation: 'total' }
          { name: 'percentProcessorTime', aggregation: 'maximum' }
        ]
      }
      {
        title: 'Connections'
        metrics: [{ name: 'connectedclients', aggregation: 'maximum' }]
      }
      {
        // The service reports no errors of persistence; writes and keys show what there is to lose.
        title: 'Persistence'
        metrics: [
          { name: 'cacheWrite', aggregation: 'maximum' }
          { name: 'totalkeys', aggregation: 'maximum' }
          { name: 'expiredkeys', aggregation: 'total' }
        ]
      }
    ]

@description('Type of the cache, as workbooks name it.')
var cacheType = offering == 'premium' ? 'microsoft.cache/redis' : 'microsoft.cache/redisenterprise'

@description('One chart a group.')
var charts = map(groups, group => {
  type: 10
  name: group.title
  content: {
    chartId: 'metrics-${toLower(group.title)}'
    version: 'MetricsItem/2.0'
    size: 1
    chartType: 2
    title: group.title
    resourceType: cacheType
    metricScope: 0
    resourceIds: [cacheId]
    timeContext: { durationMs: 86400000 }
    metrics: map(group.metrics, metric => {
      namespace: cacheType
      metric: '${cacheType}--${metric.name}'
      aggregation: aggregations[metric.aggregation]
      splitBy: null
    })
  }
})

@description('The app’s own: its jobs by outcome, and what they said of themselves.')
var jobs = {
  type: 3
  name: 'Jobs'
  content: {
    version: 'KqlItem/1.0'
    title: 'Jobs: runs, failures and how long they take'
    query: 'requests | where cloud_RoleName =~ "${functionAppName}" | summarize runs = count(), failures = countif(success == false), p95ms = percentile(duration, 95) by name | order by name asc'
    size: 1
    queryType: 0
    resourceType: 'microsoft.insights/components'
    crossComponentResources: [insightsId]
    timeContext: { durationMs: 86400000 }
    visualization: 'table'
  }
}

@description('The heading.')
var heading = {
  type: 1
  name: 'Heading'
  content: {
    json: '# ${cacheName}\nPlatform metrics of the last 24 hours, and the jobs of ${functionAppName}. The app’s own dashboard has hit rates by entity, write-behind lag and forecasts.'
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, cacheName, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: '${cacheName}: cache and jobs'
    category: 'workbook'
    sourceId: cacheId
    version: 'Notebook/1.0'
    serializedData: string({ version: 'Notebook/1.0', items: concat([heading], charts, [jobs]) })
  }
}
