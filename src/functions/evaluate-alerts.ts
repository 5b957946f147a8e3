import { onTimer } from './run-job';

/** The rules over the samples, each minute at :20. */
export const registerEvaluateAlerts = onTimer('evaluateAlerts', (it, at) => it.evaluateAlerts(at));
