import { flag, measured, oneOf, optionalQueueName, section, text, textOr, webAddress, whole } from '../setting';

export const alertingSettings = section('Alerting', {
  ALERT_RULES_FILE: {
    schema: text('a path to a JSON file'),
    meaning: 'A rules file of your own instead of the shipped `alerts/rules.json`; same form.',
  },
  ALERT_RUNBOOKS_URL: {
    schema: webAddress(),
    meaning:
      'Where your people read the runbooks: a rule that names its runbook as a path (`docs/runbooks/redis-down.md`) then names it below this address, as a link on the dashboard, in messages and in an export.',
  },
  ALERT_WEBHOOK_URL: {
    schema: webAddress(),
    meaning:
      'Receives notifications: one POST of JSON for each group with news. Without it (and without ALERT_RECEIVER_QUEUE) nothing is sent.',
    secret: true,
  },
  ALERT_WEBHOOK_SECRET: {
    schema: text('a long random text'),
    meaning:
      'Signs each post (HMAC-SHA256 over `<unix time>.<body>`, in `x-steward-signature`), so that the receiver can verify the sender.',
    secret: true,
  },
  ALERT_WEBHOOK_ALLOW_PRIVATE: {
    schema: flag(false),
    meaning: 'Whether the webhook may be at a loopback, link-local or private address.',
    danger: 'The function app can reach your network. Do not allow this for a URL that you do not control.',
  },
  ALERT_WEBHOOK_FORMAT: {
    schema: oneOf(['json', 'slack', 'teams'], 'json'),
    meaning: 'Shape of the posted message; `json` is that of Alertmanager’s webhook.',
  },
  ALERT_RECEIVER_QUEUE: {
    schema: optionalQueueName(),
    meaning: 'A storage queue that gets every notification as well, in the `json` shape.',
  },
  ALERT_GROUP_BY: {
    schema: textOr('cache,alert', 'names of labels, separated by commas'),
    meaning: 'Alerts with the same values of these labels share one message.',
  },
  ALERT_GROUP_INTERVAL_SECONDS: {
    schema: measured('s', whole(300, 0, 86_400)),
    meaning: 'Least time between two messages of a group that has changed.',
  },
  ALERT_REPEAT_MINUTES: {
    schema: measured('min', whole(240, 1, 43_200)),
    meaning: 'A group that still fires without a change is notified again after this.',
  },
  ALERT_OUTAGE_TOLERANCE_MINUTES: {
    schema: measured('min', whole(60, 1, 1_440)),
    meaning: 'Missed ticks are evaluated later if they are at most this old.',
  },
  ALERTS_LEFT_TO_AZURE: {
    schema: flag(false),
    meaning: 'Leaves the rules that Azure Monitor evaluates too to Azure Monitor alone.',
  },
});
