import {
  type HttpFunctionOptions,
  type HttpRequest,
  type HttpResponseInit,
  type InvocationContext,
  app as registry,
  type Timer,
} from '@azure/functions';
import type { App } from '../app';
import { SECOND } from '../clock';
import { coerceError, errorCode } from '../errors';
import type { JobName, JobReport, Triggers } from '../job';
import type { Page } from '../pages';
import { SettingsError } from '../settings';
import { withInvocation } from './context-logger';
import { serviceFault } from './service-fault';
import { AppStartError } from './start-app';

/** How the functions reach the app. Throws what keeps it from starting. */
export type AppSource = () => App;

/**
 * Runs one job and says in one structured line what it did, how long it took and what is behind. A failure is one line
 * too, and is thrown on: on a queue that is the retry, on a timer it marks the invocation as failed. A run that returns
 * and did none of its work is recorded as failed, and its invocation completes.
 */
export async function runJob(
  source: AppSource,
  job: JobName,
  context: InvocationContext,
  run: (app: App) => Promise<JobReport>,
): Promise<void> {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  let app: App | undefined;
  try {
    const made = source();
    app = made;
    const report = await withInvocation(context, () => run(made));
    const { summary, figures, failedWith } = report;
    if (failedWith === undefined) context.log(JSON.stringify({ job, ok: true, ms: ms(), summary, figures }));
    else context.warn(JSON.stringify({ job, ok: false, ms: ms(), code: failedWith, summary, figures }));
    await made.jobEnded(job, ms(), failedWith);
  } catch (thrown) {
    const error = coerceError(thrown);
    context.error(JSON.stringify({ job, ok: false, ms: ms(), code: errorCode(error), summary: inWords(error) }));
    await app?.jobEnded(job, ms(), errorCode(error));
    throw error;
  }
}

/** The error's message, after the service if it is a storage SDK's, which names none. */
const inWords = (error: Error): string =>
  error.name === 'RestError' ? `${serviceFault(error)}: ${error.message}` : error.message;

/**
 * One answer over HTTP. A failure says its code and the service, since an SDK's message may name hosts and accounts.
 * What keeps the app from starting is said in full: it names settings and masks secrets, and the caller has a key.
 */
export async function answer<T>(
  source: () => T,
  context: InvocationContext,
  make: (app: T) => Promise<Page>,
): Promise<HttpResponseInit> {
  try {
    const { status, type, body } = await withInvocation(context, () => make(source()));
    return { status, headers: { 'content-type': type, 'cache-control': 'no-store' }, body };
  } catch (thrown) {
    const message = `${context.functionName} could not answer`;
    const error = coerceError(thrown);
    context.error(JSON.stringify({ message, code: errorCode(thrown), error: inWords(error) }));
    const isStart = thrown instanceof SettingsError || thrown instanceof AppStartError;
    const said = isStart ? thrown.message : serviceFault(error);
    return { status: 503, jsonBody: { error: errorCode(thrown), ...(said !== undefined && { message: said }) } };
  }
}

/**
 * The tick a timer was meant for, as far as the host knows it: what it says is next, once that has come; without a
 * schedule status (the host keeps none for frequent timers) the present second.
 */
export function tickOf(timer: Timer, now = new Date()): Date {
  const status = timer.scheduleStatus as Timer['scheduleStatus'] | null;
  const due = status?.next ? Date.parse(status.next) : Number.NaN;
  const present = Math.floor(now.getTime() / SECOND) * SECOND;
  return new Date(due <= now.getTime() && !timer.isPastDue ? due : present);
}

type TimerJob = { [K in JobName]: Triggers[K] extends { schedule: string } ? K : never }[JobName];

/** Registers a job that a timer starts. */
export const onTimer =
  (name: TimerJob, run: (app: App, at: Date) => Promise<JobReport>) =>
  (source: AppSource, triggers: Triggers): void => {
    const handler = (timer: Timer, context: InvocationContext) =>
      runJob(source, name, context, (it) => run(it, tickOf(timer)));
    registry.timer(name, { ...triggers[name], handler });
  };

type QueueRun = (app: App, message: unknown, context: InvocationContext) => Promise<JobReport>;

/** Registers a job that a message starts. */
export const onMessage =
  (name: Exclude<JobName, TimerJob>, run: QueueRun) =>
  (source: AppSource, triggers: Triggers): void => {
    const handler = (message: unknown, context: InvocationContext) =>
      runJob(source, name, context, (it) => run(it, message, context));
    registry.storageQueue(name, { ...triggers[name], connection: 'AzureWebJobsStorage', handler });
  };

/** Registers an answer to GET. */
export const onRequest =
  <T>(
    name: string,
    options: Pick<HttpFunctionOptions, 'route' | 'authLevel'>,
    make: (app: T, request: HttpRequest) => Promise<Page>,
  ) =>
  (source: () => T): void => {
    const handler = (request: HttpRequest, context: InvocationContext) =>
      answer(source, context, (it) => make(it, request));
    registry.http(name, { methods: ['GET'], ...options, handler });
  };
