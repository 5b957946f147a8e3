import type { LogFields, Logger } from '../../src/logger';
import { type RedisSettings, toTarget } from '../../src/redis/connection/target';
import { readSettings } from '../../src/settings';

/** A logger that remembers, so that a test can say what was logged and how often. */
export function recordingLogger() {
  const lines: { level: keyof Logger; fields: LogFields; message: string }[] = [];
  const at = (level: keyof Logger) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields, message });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { logger, lines, count: (message: string) => lines.filter((line) => line.message === message).length };
}

/** Settings with a long deadline, since the box is shared; tests about deadlines set their own. */
export function redisSettings(environment: Readonly<Record<string, string>>): RedisSettings {
  return readSettings({ REDIS_DEADLINE_MS: '5000', ...environment });
}

export const targetOf = (environment: Readonly<Record<string, string>>) => toTarget(redisSettings(environment));
