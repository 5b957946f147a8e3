import { createHash } from 'node:crypto';
import type { Labels } from '../../monitoring/samples/sample-store';
import type { AlertGroup, AlertMember, LastNotification } from './alert-groups';

/** The message about a group, in the shape of Alertmanager's webhook, so that tools for that can read it. */
export interface GroupMessage {
  readonly version: '4';
  readonly groupKey: string;
  /** A message that is sent again, because the first attempt may have failed, has the same id. */
  readonly deliveryId: string;
  readonly status: 'firing' | 'resolved';
  readonly receiver: string;
  readonly groupLabels: Labels;
  /** Alerts that are not listed: a message lists at most 50. */
  readonly truncatedAlerts: number;
  readonly alerts: readonly MessageAlert[];
}

export interface MessageAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
  /** ISO 8601. */
  readonly startsAt: string;
  readonly endsAt?: string;
  readonly fingerprint: string;
}

const MOST_LISTED = 50;

export function toMessage(group: AlertGroup, last: LastNotification | undefined, receiver: string): GroupMessage {
  const knownResolved = new Set(last?.resolved);
  const resolved = group.resolved.filter(({ id }) => !knownResolved.has(id));
  const members = [...group.firing, ...resolved];
  const content = JSON.stringify([group.key, receiver, last?.at ?? 0, members.map(({ id }) => id).sort()]);
  return {
    version: '4',
    groupKey: group.key,
    deliveryId: createHash('sha256').update(content).digest('hex').slice(0, 32),
    status: group.firing.length > 0 ? 'firing' : 'resolved',
    receiver,
    groupLabels: group.labels,
    truncatedAlerts: Math.max(0, members.length - MOST_LISTED),
    alerts: members.slice(0, MOST_LISTED).map(toAlert),
  };
}

function toAlert({ id, instance }: AlertMember): MessageAlert {
  const { alert, ...labels } = instance.labels;
  const firing = instance.state === 'firing';
  return {
    status: firing ? 'firing' : 'resolved',
    labels: { alertname: alert ?? instance.rule, ...labels },
    annotations: { summary: instance.summary, runbook_url: instance.runbook },
    startsAt: new Date(instance.firedAt ?? instance.activeAt).toISOString(),
    ...(firing || instance.resolvedAt === undefined ? {} : { endsAt: new Date(instance.resolvedAt).toISOString() }),
    fingerprint: id,
  };
}

/** The title for a chat: `FIRING: MemoryHigh (redis)`. */
export function headline(message: GroupMessage): string {
  const { alert, ...others } = message.groupLabels;
  const where = Object.values(others).filter(Boolean).join(', ');
  return `${message.status.toUpperCase()}: ${alert ?? 'alerts'}${where ? ` (${where})` : ''}`;
}

export function lines(message: GroupMessage): string[] {
  const text = message.alerts.map(
    ({ status, labels, annotations }) => `${status} · ${labels.severity ?? ''} · ${annotations.summary}`,
  );
  if (message.truncatedAlerts > 0) text.push(`and ${message.truncatedAlerts} more`);
  if (text.length === 0) text.push('No alert of this group fires any more.');
  return text;
}

/** The body of a post, in the receiver's format. */
export function bodyOf(message: GroupMessage, format: 'json' | 'slack' | 'teams'): string {
  if (format === 'json') return JSON.stringify(message);
  const title = headline(message);
  if (format === 'slack') {
    const block = (type: string, text: object) => ({ type, text });
    return JSON.stringify({
      text: title,
      blocks: [
        block('header', { type: 'plain_text', text: title.slice(0, 150) }),
        block('section', { type: 'mrkdwn', text: slackText(lines(message).join('\n')).slice(0, 3_000) }),
      ],
    });
  }
  // Workflows of Teams expect an Adaptive Card in an attachment.
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: title, weight: 'Bolder', wrap: true },
      ...lines(message).map((text) => ({ type: 'TextBlock', text, wrap: true, spacing: 'Small' })),
    ],
  };
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content };
  return JSON.stringify({ type: 'message', attachments: [attachment] });
}

/** Slack reads these three as control characters. */
const slackText = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
