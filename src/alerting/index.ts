export { type Alerts, type AlertsOptions, createAlerts } from './alerts';
export { evaluate } from './evaluate';
export type { AlertMessage, Receiver } from './receivers';
export type { Rule } from './rule-schema';
export { type AlertRules, loadRules, parseRules, RulesError } from './rules';
export type { AlertInstance, AlertState } from './state';
