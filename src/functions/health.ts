import type { HealthPages } from '../pages';
import { onRequest } from './run-job';

/** Readiness, for anybody: one word, with 200 if the app can do its work and 503 if it can't. */
export const registerHealth = onRequest('health', { route: 'health', authLevel: 'anonymous' }, (it: HealthPages) =>
  it.health(),
);

/** The same, with the faults and every check, for those who have a key. */
export const registerHealthDetail = onRequest(
  'healthDetail',
  { route: 'health/detail', authLevel: 'function' },
  (it: HealthPages) => it.healthDetail(),
);
