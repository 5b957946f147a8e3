import { app } from '@azure/functions';
import { type AppSource, answer } from './run-job';

/** The newest samples as Prometheus text. */
export function registerMetrics(source: AppSource): void {
  app.http('metrics', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'metrics',
    handler: (_request, context) => answer(source, context, (it) => it.metrics()),
  });
}
