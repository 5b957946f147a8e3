import { onMessage } from './run-job';

/** Loads and fills again a batch of entries. */
export const registerRefreshEntries = onMessage('refreshEntries', (it, message) => it.refreshEntries(message));
