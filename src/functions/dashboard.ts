import { app } from '@azure/functions';
import { type AppSource, answer } from './run-job';

/** What people look at. */
export function registerDashboard(source: AppSource): void {
  app.http('dashboard', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'dashboard',
    handler: (_request, context) => answer(source, context, (it) => it.dashboard()),
  });
}
