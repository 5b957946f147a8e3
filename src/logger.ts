/** What is known about the event: flat, bounded, and never a cached value, a session id or a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Structured first, then a short lower-case message, as in `logger.warn({ node }, 'redis reconnecting')`. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Lines of JSON on standard output, from `least` upwards. For processes that have no logger of their own. */
export function jsonLogger(least: keyof Logger): Logger {
  const at = (level: keyof Logger) => (fields: LogFields, message: string) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    process.stdout.write(`${JSON.stringify({ level, message, ...fields })}\n`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
