import type { ReportAlert } from '../../monitoring/report/report-data';
import type { AlertState } from './alert-state';

/** Every firing that the state knows of, for the report: those that are over, and those that go on. */
export function firingsOf(state: AlertState): ReportAlert[] {
  const where = ({ cache, node, queue, job }: Readonly<Record<string, string>>) => node ?? queue ?? job ?? cache ?? '';
  const over = state.episodes.map(({ rule, labels, firedAt, resolvedAt }) => ({
    ...{ alert: rule, severity: labels.severity ?? '', where: where(labels), firedAt, resolvedAt },
  }));
  const open = Object.values(state.alerts)
    .filter(({ state: it }) => it === 'firing')
    .map(({ rule, labels, firedAt, activeAt }) => ({
      ...{ alert: rule, severity: labels.severity ?? '', where: where(labels), firedAt: firedAt ?? activeAt },
      resolvedAt: null,
    }));
  return [...over, ...open];
}
