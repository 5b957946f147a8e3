export { type Health, readHealth } from './app-health';
export { createPlatformMetrics, type PlatformMetrics } from './azure/azure-monitor';
export { createOtelObserver } from './azure/otel-observer';
export { type Collector, type CollectorOptions, createCollector } from './collect/collector';
export {
  type AlertView,
  createDashboard,
  type Dashboard,
  type DashboardData,
} from './dashboard';
export { ACTION_HEADER, isSameSite } from './dashboard/dashboard-page';
export { type Overview, overviewOf } from './dashboard/overview';
export { createJobRuns, type JobState, readJobStates } from './jobs';
export { renderPrometheus } from './metrics/prometheus-text';
export { createReport, type Report, type ReportOptions } from './report';
export type { ReportAlert, ReportData } from './report/report-data';
export { createMemorySampleStore } from './samples/memory-samples';
export { latestBatches, type SampleBatch, type SampleStore } from './samples/sample-store';
export { createTableSampleStore } from './samples/table-samples';
