import rulesFile from '../../../alerts/rules.json';
import { type Finding, fault, ok } from '../../doctor';
import { api, type Context, listOf, property, sameId } from './context';

/** That somebody watches: diagnostics flow, and the alerts exist, are enabled, and notify somebody. */
export const checkWatch = async (context: Context): Promise<Finding[]> => [
  ...(await checkDiagnostics(context)),
  ...(await checkAlerts(context)),
];

async function checkDiagnostics({ arm, offering, cache, database }: Context): Promise<Finding[]> {
  // Premium has both on the cache; a managed one has metrics on the cluster and logs on the database.
  const wanted = [
    { resource: cache, kind: 'metrics' },
    { resource: offering === 'premium' ? cache : database, kind: 'logs' },
  ] as const;
  return Promise.all(
    wanted.map(async ({ resource, kind }) => {
      const id = `${resource.id}/providers/Microsoft.Insights/diagnosticSettings`;
      const settings = await arm.list(id, api.diagnostics);
      const flowing = settings.find(
        (setting) =>
          property(setting, 'workspaceId') !== undefined &&
          listOf<{ enabled?: boolean }>(setting, kind).some(({ enabled }) => enabled),
      );
      return flowing
        ? ok(
            'watch.diagnostics',
            `${kind} of ${resource.name} go to ${String(property(flowing, 'workspaceId')).split('/').at(-1)}`,
          )
        : fault('watch.diagnostics', `no ${kind} of ${resource.name} are kept`, 'deploy again');
    }),
  );
}

async function checkAlerts({ arm, group, offering, cache }: Context): Promise<Finding[]> {
  const alerts = (await arm.list(`${group}/providers/Microsoft.Insights/metricAlerts`, api.metricAlerts)).filter(
    (alert) => listOf<string>(alert, 'scopes').some((scope) => sameId(scope, cache.id)),
  );
  const wanted = (rulesFile.rules as readonly { name: string; azure?: object }[])
    .filter(({ azure }) => azure !== undefined && offering in azure)
    .map(({ name }) => name);
  const rules = await arm.list(`${group}/providers/Microsoft.Insights/scheduledQueryRules`, api.queryRules);
  const present = new Map([...alerts, ...rules].map((alert) => [alert.name.split('-').at(-1), alert]));
  const missing = [...wanted, 'NoSamples'].filter((name) => !present.has(name));
  const off = [...present].filter(([, alert]) => property(alert, 'enabled') !== true).map(([name]) => name);
  const mute = alerts.filter((alert) => listOf(alert, 'actions').length === 0).map(({ name }) => name);
  const faults = [
    ...(missing.length > 0 ? [fault('watch.alerts', `missing: ${missing.join(', ')}`, 'deploy again')] : []),
    ...(off.length > 0 ? [fault('watch.alerts', `turned off: ${off.join(', ')}`, 'turn them on')] : []),
    ...(mute.length > 0
      ? [fault('watch.alerts', `notify nobody: ${mute.join(', ')}`, 'give them an action group')]
      : []),
  ];
  return faults.length > 0
    ? faults
    : [ok('watch.alerts', `${present.size} exist, are enabled and have an action group`)];
}
