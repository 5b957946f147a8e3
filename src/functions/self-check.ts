import { app } from '@azure/functions';
import { type AppSource, answer } from './run-job';

/** The data-plane half of `cache-steward verify`, run from inside the network. */
export function registerSelfCheck(source: AppSource): void {
  app.http('selfCheck', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'selfCheck',
    handler: (_request, context) => answer(source, context, (it) => it.selfCheck()),
  });
}
