export { createPlatformMetrics, type PlatformMetrics } from './azure-monitor';
export type { CensusGroup, CensusView, DatedCensus } from './census';
export { type Collector, type CollectorOptions, createCollector } from './collector';
export {
  type AlertView,
  createDashboard,
  type Dashboard,
  type DashboardData,
  type DashboardOptions,
} from './dashboard';
export { ACTION_HEADER, isSameSite } from './dashboard/same-site';
export { type Health, readHealth } from './health';
export { latestBatches } from './latest';
export { createMemorySampleStore } from './memory-store';
export { createOtelObserver } from './otel';
export { type Overview, overviewOf } from './overview';
export { renderPrometheus } from './prometheus';
export { createReport, type Report, type ReportOptions } from './report';
export type { ReportAlert, ReportData } from './report/data';
export type { SampleBatch, SampleStore } from './samples';
export { createTableSampleStore } from './table-store';
