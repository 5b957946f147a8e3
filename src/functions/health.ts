import { app } from '@azure/functions';
import type { HealthPages } from '../pages';
import { answer } from './run-job';

/** What answers even if the app can't start. */
export type HealthSource = () => HealthPages;

/** Readiness, for anybody: one word, with 200 if the app can do its work and 503 if it can't. */
export function registerHealth(source: HealthSource): void {
  app.http('health', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'health',
    handler: (_request, context) => answer(source, context, (it) => it.health()),
  });
}

/** The same, with the faults and every check, for those who have a key. */
export function registerHealthDetail(source: HealthSource): void {
  app.http('healthDetail', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'health/detail',
    handler: (_request, context) => answer(source, context, (it) => it.healthDetail()),
  });
}
