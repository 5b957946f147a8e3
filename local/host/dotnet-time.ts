/** A time as .NET writes it in JSON: no fraction, or as many digits as it needs, and the offset in numbers. */
export function dotnetTime(date: Date): string {
  return date.toISOString().replace(/\.?0*Z$/, '+00:00');
}
