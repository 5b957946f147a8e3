import { DAY } from '../../clock';
import type { HistoryLine } from '../records/sweep-record';

/** Growth is that of the last days: an old surge says nothing of the next month. */
const WINDOW_MS = 30 * DAY;
/** Two censuses of one afternoon say nothing of a day. */
const LEAST_SPAN_MS = DAY;

/**
 * How the keyspace grows, by a straight line through the censuses of the last 30 days: `keysPerDay`,
 * `usedBytesPerDay` and, where memory grows and the server has a limit, `daysUntilFull`. Empty before there is a day
 * between two censuses.
 */
export function trend(history: readonly HistoryLine[]): Record<string, number> {
  const latest = history.at(-1);
  if (!latest) return {};
  const recent = history.filter(({ at }) => at >= latest.at - WINDOW_MS);
  if (latest.at - (recent[0]?.at ?? latest.at) < LEAST_SPAN_MS) return {};
  const keysPerDay = slopePerDay(recent, 'keys');
  const usedBytesPerDay = slopePerDay(recent, 'usedBytes');
  const { usedBytes = 0, capacityBytes = 0 } = latest.figures;
  const left = capacityBytes - usedBytes;
  return {
    keysPerDay,
    usedBytesPerDay,
    ...(capacityBytes > 0 && usedBytesPerDay > 0 ? { daysUntilFull: Math.max(0, left / usedBytesPerDay) } : {}),
  };
}

/** Least squares. */
function slopePerDay(lines: readonly HistoryLine[], figure: string): number {
  const points = lines.map(({ at, figures }) => ({ x: at / DAY, y: figures[figure] ?? 0 }));
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  return spread > 0 ? mean((point) => (point.x - x) * (point.y - y)) / spread : 0;
}
