import type { App } from '../app';
import { onRequest } from './run-job';

/** The data-plane half of `cache-steward verify`, run from inside the network. */
export const registerSelfCheck = onRequest('selfCheck', { route: 'selfCheck', authLevel: 'function' }, (it: App) =>
  it.selfCheck(),
);
