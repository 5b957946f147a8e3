/** The straight line nearest to the points, by least squares; undefined if all have the same x. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]) {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  const variance = mean(([x]) => (x - meanX) ** 2);
  if (!(variance > 0)) return undefined;
  const slope = mean(([x, y]) => (x - meanX) * (y - meanY)) / variance;
  return { slope, at: (x: number) => meanY + slope * (x - meanX) };
}
