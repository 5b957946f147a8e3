export { type Alerts, type AlertsOptions, createAlerts } from './alerts';
export { evaluate } from './evaluate';
export type { GroupMessage } from './message';
export { toPrometheusRules } from './prometheus-rules';
export type { Rule } from './rule-schema';
export { type AlertRules, loadRules, parseRules, RulesError, rulesOfApp } from './rules';
export type { AlertInstance, AlertState, Episode } from './state';
export { type AlertStateStore, createBlobAlertState, createMemoryAlertState } from './state-store';
export type { Receiver } from './webhook';
