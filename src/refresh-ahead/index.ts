export { createDemand, type DemandOptions, type RunningDemand } from './demand';
export { createRefreshPlanner, type RefreshPlannerOptions } from './refresh-planner';
export { createRefresher, type RefresherOptions } from './refresher';
