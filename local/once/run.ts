import { randomBytes } from 'node:crypto';
import type { Client } from '../../src/index';
import { visitorsOf } from '../web/visitors';
import { drillAlert } from './alert-drill';
import {
  type Check,
  checkAgreement,
  checkAlert,
  checkHotEntries,
  checkSamples,
  checkSessions,
  checkWrites,
} from './checks';
import { makeHotEntries, readHotEntries } from './hot-entries';
import type { Jobs } from './jobs';
import { makeSessions } from './sessions';
import type { Webhook } from './webhook';
import { makeWrites } from './writes';

export interface OnceOptions {
  readonly client: Client;
  readonly jobs: Jobs;
  readonly webhook: Webhook;
  /** Of the web app. */
  readonly address: string;
  readonly say: (line: string) => void;
}

/** How much traffic, in real time. */
const WRITES = 5_000;
const WRITTEN_KEYS = 500;
const SESSIONS = 1_000;
const WITHOUT_TTL = 100;
const HOT_ENTRIES = 500;
const WRITING_MS = 20_000;
const LOGGING_IN_MS = 15_000;
/** More than two lives of a hot entry. */
const READING_MS = 36_000;
const REFRESH_EACH_MS = 1_000;
const SETTLING_MS = 45_000;

/** Makes the traffic, fires every job until nothing is left to do, and looks at what came of it. */
export async function runOnce({ client, jobs, webhook, address, say }: OnceOptions): Promise<readonly Check[]> {
  const began = Date.now();
  const run = randomBytes(4).toString('hex');
  const visitors = visitorsOf(address);
  const { redis } = client;

  say(`traffic: ${WRITES} writes over ${WRITTEN_KEYS} keys, ${SESSIONS} sessions, ${HOT_ENTRIES} hot entries`);
  const stopPlanning = jobs.keepRunning('planRefreshes', REFRESH_EACH_MS);
  const skus = await makeHotEntries(visitors, run, HOT_ENTRIES);
  const hot = readHotEntries(visitors, redis, { skus, durationMs: READING_MS });
  // Awaited further down; should something else fail before, its failure is the one to report.
  hot.catch(() => {});
  const [writes, sessions] = await Promise.all([
    makeWrites(visitors, { run, writes: WRITES, keys: WRITTEN_KEYS, durationMs: WRITING_MS }),
    makeSessions(visitors, redis, { run, sessions: SESSIONS, withoutTtl: WITHOUT_TTL, durationMs: LOGGING_IN_MS }),
  ]);
  say('traffic made; firing the other jobs');
  await jobs.runOthers(['planRefreshes', 'collectMetrics', 'evaluateAlerts']);
  const alert = await drillAlert(redis, jobs, webhook);
  const hotEntries = await hot;
  await stopPlanning();
  await jobs.untilNothingIsLeft(SETTLING_MS);

  say('nothing left to do; looking at Redis and PostgreSQL');
  return [
    await checkWrites(client, writes, WRITES),
    await checkAgreement(client, writes),
    await checkSessions(client, sessions, SESSIONS),
    checkHotEntries(hotEntries, HOT_ENTRIES),
    await checkSamples(client, began),
    checkAlert(alert),
  ];
}
