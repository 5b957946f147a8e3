export { type Alerts, type AlertsOptions, createAlerts } from './alerts';
export { type AlertInstance, type AlertState, type Episode, firingsOf } from './evaluate/alert-state';
export { type AlertStateStore, createBlobAlertState, createMemoryAlertState } from './evaluate/alert-state-store';
export { evaluate } from './evaluate/evaluate';
export type { GroupMessage } from './notify/alert-message';
export type { Receiver } from './notify/receivers';
export { type AlertRules, loadRules, parseRules, RulesError, rulesOfApp } from './rules/alert-rules';
export { toPrometheusRules } from './rules/prometheus-rules';
export type { Rule } from './rules/rule-schema';
