import type { App } from '../app';
import { onRequest } from './run-job';

/** The newest samples as Prometheus text. */
export const registerMetrics = onRequest('metrics', { route: 'metrics', authLevel: 'function' }, (it: App) =>
  it.metrics(),
);
