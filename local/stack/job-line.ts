/** What one run of a job said of itself, whichever host printed it. */
export interface JobRun {
  readonly job: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly summary: string;
  readonly figures: Readonly<Record<string, number>>;
}

/**
 * The run of a job that a line of the host's output reports. Microsoft's host prints the app's own line after a
 * timestamp; the local one wraps it in a log event.
 */
export function jobRunOf(line: string): JobRun | undefined {
  const event = line.startsWith('{') ? parsed(line) : undefined;
  const text = typeof event?.message === 'string' ? event.message : line;
  const at = text.indexOf('{"job":');
  const said = at < 0 ? undefined : parsed(text.slice(at));
  if (typeof said?.job !== 'string' || typeof said.ok !== 'boolean') return undefined;
  return {
    job: said.job,
    ok: said.ok,
    ms: Number(said.ms ?? 0),
    summary: String(said.summary ?? ''),
    figures: (said.figures ?? {}) as Record<string, number>,
  };
}

/** A warning or an error that is no job's run, for people to see. */
export function troubleOf(line: string): string | undefined {
  if (!line.startsWith('{')) return /\b(error|fail|exception)/i.test(line) ? line : undefined;
  const event = parsed(line);
  const level = String(event?.level ?? '').toLowerCase();
  if (!['warn', 'warning', 'error', 'critical'].includes(level)) return undefined;
  const message = String(event?.message ?? '');
  const inner = message.startsWith('{') ? parsed(message) : undefined;
  if (inner === undefined) return withFields(message, event);
  if (inner.job !== undefined) return undefined;
  return typeof inner.message === 'string' ? withFields(inner.message, inner) : withFields(message, event);
}

const COMMON = new Set(['event', 'level', 'category', 'message', 'functionName', 'invocationId']);

function withFields(message: string, fields: Readonly<Record<string, unknown>> | undefined): string {
  const rest = Object.entries(fields ?? {}).filter(([name]) => !COMMON.has(name));
  return [message, ...rest.map(([name, value]) => `${name}=${value}`)].join(' ');
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
