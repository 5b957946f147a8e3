export { createDemand, type DemandOptions, type RunningDemand } from './demand';
export { createRefreshPlanner, type RefreshPlannerOptions } from './planner';
export { createRefresher, type RefresherOptions } from './refresher';
