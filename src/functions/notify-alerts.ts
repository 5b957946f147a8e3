import { onMessage } from './run-job';

/** Reads the alert state and sends the pending notification of a group of alerts, if there is one. */
export const registerNotifyAlerts = onMessage('notifyAlerts', (it, message) => it.notifyAlerts(message));
