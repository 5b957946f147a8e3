import { app } from '@azure/functions';
import type { App } from '../app';
import { isSameSite } from '../monitoring';
import { type AppSource, answer, onRequest } from './run-job';

/** What people look at: the page, and with `?data=<range>` the figures it draws. */
export const registerDashboard = onRequest(
  'dashboard',
  { route: 'dashboard', authLevel: 'function' },
  (it: App, request) => it.dashboard(request.query.get('data')),
);

/** What changes state: a second, administrator's key, and only from the page itself. */
export function registerDashboardActions(source: AppSource): void {
  app.http('dashboardActions', {
    methods: ['POST'],
    authLevel: 'admin',
    route: 'dashboard/actions',
    handler: async (request, context) => {
      if (!isSameSite(request.headers, new URL(request.url).origin))
        return { status: 403, jsonBody: { error: 'E_CROSS_SITE' } };
      const body: unknown = await request.json().catch(() => undefined);
      return answer(source, context, (it) => it.dashboardAction(body));
    },
  });
}
