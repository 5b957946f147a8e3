import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';

export interface QueueOptions {
  /** Messages fetched at once, 1 to 32. */
  readonly batchSize: number;
  /** The next batch is fetched once as few as these are under way. */
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  /** How long a failed message stays hidden. Not the lease, which is fixed. */
  readonly visibilityTimeoutMs: number;
  readonly maxPollingIntervalMs: number;
  readonly messageEncoding: 'base64' | 'none';
}

export interface HostOptions {
  readonly routePrefix: string;
  readonly functionTimeoutMs: number | undefined;
  readonly queues: QueueOptions;
}

const MINUTE = 60_000;
const SHORTEST_POLL = 100;

/** Reads host.json, which must be there, and fills in the host's defaults. */
export async function readHostJson(appDir: string): Promise<HostOptions> {
  const host = JSON.parse(await readFile(join(appDir, 'host.json'), 'utf8')) as HostJson;
  if (host.version !== '2.0')
    throw new Error(`Expected version "2.0" in host.json, got ${JSON.stringify(host.version)}`);
  const { http = {}, queues = {} } = host.extensions ?? {};
  const batchSize = within('batchSize', queues.batchSize ?? 16, 1, 32);
  return {
    routePrefix: http.routePrefix ?? 'api',
    functionTimeoutMs: host.functionTimeout === undefined ? undefined : parseTimeSpan(host.functionTimeout),
    queues: {
      batchSize,
      newBatchThreshold: within(
        'newBatchThreshold',
        queues.newBatchThreshold ?? Math.floor(batchSize / 2) * cpus().length,
        0,
      ),
      maxDequeueCount: within('maxDequeueCount', queues.maxDequeueCount ?? 5, 1),
      visibilityTimeoutMs: parseTimeSpan(queues.visibilityTimeout ?? '00:00:00'),
      maxPollingIntervalMs: Math.max(SHORTEST_POLL, timeSpanOrMs(queues.maxPollingInterval ?? MINUTE)),
      messageEncoding: queues.messageEncoding === 'none' ? 'none' : 'base64',
    },
  };
}

interface HostJson {
  readonly version?: string;
  readonly functionTimeout?: string;
  readonly extensions?: {
    readonly http?: { readonly routePrefix?: string };
    readonly queues?: {
      readonly batchSize?: number;
      readonly newBatchThreshold?: number;
      readonly maxDequeueCount?: number;
      readonly visibilityTimeout?: string;
      readonly maxPollingInterval?: string | number;
      readonly messageEncoding?: string;
    };
  };
}

function within(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`Expected ${name} in host.json to be a whole number from ${min} to ${max}, got ${value}`);
}

const timeSpanOrMs = (value: string | number) => (typeof value === 'number' ? value : parseTimeSpan(value));

/** `[d.]hh:mm:ss[.fff]` in milliseconds; -1 is without limit. */
export function parseTimeSpan(text: string): number {
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const parts = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(\.\d+)?$/.exec(text);
  if (!parts) throw new Error(`Expected a time span such as "00:00:30", got ${JSON.stringify(text)}`);
  const [, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = '0'] = parts;
  return (
    (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds) + Number(fraction)) * 1000
  );
}
