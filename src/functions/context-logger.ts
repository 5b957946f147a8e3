import { AsyncLocalStorage } from 'node:async_hooks';
import type { InvocationContext } from '@azure/functions';
import type { LogFields, Logger } from '../logger';

const invocation = new AsyncLocalStorage<InvocationContext>();

/** Runs `work` so that what it logs is filed under its invocation. */
export function withInvocation<T>(context: InvocationContext, work: () => Promise<T>): Promise<T> {
  return invocation.run(context, work);
}

/**
 * The app's logger on the Functions runtime. The services live longer than an invocation and do not know it, so the
 * context is carried beside the calls. Between invocations (a reconnect) there is none, and the host collects what the
 * worker prints: standard output as Information, whatever it says; a line of standard error by its words, so that one
 * with `"level":"warn"` becomes a warning and one with `"level":"error"` an error.
 */
export const contextLogger: Logger = {
  debug: (fields, message) => write('debug', fields, message),
  info: (fields, message) => write('info', fields, message),
  warn: (fields, message) => write('warn', fields, message),
  error: (fields, message) => write('error', fields, message),
};

function write(level: keyof Logger, fields: LogFields, message: string): void {
  const line = JSON.stringify({ level, message, ...fields });
  const context = invocation.getStore();
  if (context) context[level](line);
  else if (level === 'info') process.stdout.write(`${line}\n`);
  else if (level !== 'debug') process.stderr.write(`${line}\n`);
}
