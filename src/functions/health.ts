import { app } from '@azure/functions';
import { type AppSource, answer } from './run-job';

/** Readiness: 200 where the app can do its work, 503 where it cannot. */
export function registerHealth(source: AppSource): void {
  app.http('health', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'health',
    handler: (_request, context) => answer(source, context, (it) => it.health()),
  });
}
