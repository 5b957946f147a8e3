import type { Inhibition } from '../rules/rule-schema';
import type { AlertInstance } from './alert-state';

type Matcher = Inhibition['source'];

const matches = ({ alert, severity }: Matcher, { labels }: AlertInstance) =>
  (alert === undefined || labels.alert === alert) && (severity === undefined || labels.severity === severity);

/**
 * The instances that stay silent because a graver one says it already: `RedisDown` mutes the rest of its cache. An
 * instance that is itself such a source is never muted by it. Muted is not resolved: when the source goes, it is told.
 */
export function mutedBy(instances: Readonly<Record<string, AlertInstance>>, rules: readonly Inhibition[]): Set<string> {
  const muted = new Set<string>();
  const all = Object.entries(instances);
  for (const { source, target = {}, equal } of rules) {
    const key = ({ labels }: AlertInstance) => JSON.stringify(equal.map((name) => labels[name] ?? ''));
    const sources = new Set(
      all.filter(([, it]) => it.state === 'firing' && matches(source, it)).map(([, it]) => key(it)),
    );
    if (sources.size === 0) continue;
    for (const [id, instance] of all) {
      if (matches(target, instance) && !matches(source, instance) && sources.has(key(instance))) muted.add(id);
    }
  }
  return muted;
}
