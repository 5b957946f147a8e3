metadata description = 'The rules of alerts/rules.json that Azure Monitor can evaluate, and the one that watches the app itself.'

import { tagsType } from '../types.bicep'

@description('Required. Region of the resources that have one.')
param location string

@description('Required. Tags.')
param tags tagsType

@description('Required. Offering: which half of a rule applies.')
param offering 'premium' | 'managed'

@description('Required. Name of the cache.')
param cacheName string

@description('Required. Resource id of the cache.')
param cacheId string

@description('Required. Connections that a node or shard of the cache allows.')
param maxClients int

@description('Required. Resource id of the second cache; empty without geo-replication.')
param secondaryCacheId string

@description('Required. Whether there is geo-replication.')
param geoReplicated bool

@description('Required. Resource id of Application Insights.')
param insightsId string

@description('Required. Name of the function app.')
param functionAppName string

@description('Required. Resource id of the action group.')
param actionGroupId string

@description('Every rule; the app evaluates the same file.')
var rules = loadJsonContent('../../alerts/rules.json', 'rules')

@description('The rules that this offering has a metric for.')
var metricRules = filter(rules, rule => contains(rule.?azure ?? {}, offering))

@description('Azure Monitor’s numbers for the severities of the rules.')
var severities = { critical: 0, warning: 2, info: 3 }

@description('What each metric alert compares.')
var criteria = map(metricRules, rule => {
  rule: rule.name
  severity: severities[rule.severity]
  runbook: rule.runbook
  window: rule.azure.window
  frequency: rule.azure.frequency
  metric: rule.azure[offering].metric
  aggregation: rule.azure[offering].aggregation
  operator: rule.azure[offering].operator
  dimensions: rule.azure[offering].?dimensions ?? []
  threshold: rule.azure[offering].?percentOf == 'maxClients'
    ? rule.azure[offering].threshold * maxClients / 100
    : rule.azure[offering].threshold
})

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for criterion in criteria: {
    name: '${cacheName}-${criterion.rule}'
    location: 'global'
    tags: tags
    properties: {
      description: '${criterion.metric} (${criterion.aggregation} over ${criterion.window}) ${criterion.operator} ${criterion.threshold}. What to do: ${criterion.runbook}'
      severity: criterion.severity
      enabled: true
      autoMitigate: true
      scopes: [cacheId]
      windowSize: criterion.window
      evaluationFrequency: criterion.frequency
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: criterion.rule
            metricNamespace: offering == 'premium' ? 'Microsoft.Cache/redis' : 'Microsoft.Cache/redisEnterprise'
            metricName: criterion.metric
            timeAggregation: criterion.aggregation
            operator: criterion.operator
            threshold: criterion.threshold
            // One time series a value: a shard that is full isn't hidden by one that is empty.
            dimensions: map(criterion.dimensions, dimension => { name: dimension, operator: 'Include', values: ['*'] })
          }
        ]
      }
      actions: [{ actionGroupId: actionGroupId }]
    }
  }
]

// Only the secondary of Premium says whether the link is healthy; both caches of an active group do.
resource geoAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = if (geoReplicated) {
  name: '${cacheName}-GeoReplicationUnhealthy'
  location: 'global'
  tags: tags
  properties: {
    description: 'The caches of the two regions are not linked in health: data of one may not reach the other. What to do: docs/infrastructure.md, "Geo-replication".'
    severity: 0
    enabled: true
    autoMitigate: true
    scopes: [offering == 'premium' ? secondaryCacheId : cacheId]
    windowSize: 'PT5M'
    evaluationFrequency: 'PT1M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'GeoReplicationUnhealthy'
          metricNamespace: offering == 'premium' ? 'Microsoft.Cache/redis' : 'Microsoft.Cache/redisEnterprise'
          metricName: offering == 'premium' ? 'GeoReplicationHealthy' : 'geoReplicationHealthy'
          timeAggregation: 'Minimum'
          operator: 'LessThan'
          threshold: 1
        }
      ]
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

// That the app is dead, only someone else can say. It counts the host's own record of runs that ended well, so that an
// app that starts and fails is as silent as one that doesn't start.
resource deadMan 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${cacheName}-NoSamples'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${cacheName}: no sample for 10 minutes'
    description: 'collectMetrics has not succeeded for 10 minutes: nothing watches the cache but Azure Monitor. What to do: docs/runbooks/no-samples.md'
    severity: 0
    enabled: true
    autoMitigate: true
    scopes: [insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT10M'
    criteria: {
      allOf: [
        {
          query: 'requests | where cloud_RoleName =~ "${functionAppName}" and name == "collectMetrics" and success == true | summarize samples = count()'
          timeAggregation: 'Total'
          metricMeasureColumn: 'samples'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [actionGroupId] }
  }
}
