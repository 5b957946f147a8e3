import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Redis } from 'ioredis';
import { benchRedis } from './cache/servers';
import { DEADLINE_MS, LIMIT_MS, LOAD_MS } from './outage/limits';
import type { BenchResult } from './types';

const SCENARIOS = ['cache', 'batch', 'stampede', 'outage', 'sessions'] as const;
const FILE = 'README.md';
const BEGIN = '<!-- npm run bench -- readme -->';
const END = '<!-- end of the bench -->';

type Results = Readonly<Record<(typeof SCENARIOS)[number], BenchResult>>;

/** Runs the scenarios that the README speaks of and writes its table from what they answered. */
export async function writeReadme(run: (scenario: string) => Promise<BenchResult>): Promise<void> {
  const results: Partial<Record<string, BenchResult>> = {};
  for (const name of SCENARIOS) results[name] = await run(name);
  const text = readFileSync(FILE, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`Expected ${FILE} to hold the lines ${BEGIN} and ${END}`);
  const part = `${BEGIN}\n${table(results as Results)}\n\n${await about()}\n`;
  writeFileSync(FILE, text.slice(0, from) + part + text.slice(to));
}

function table({ cache, batch, stampede, outage, sessions }: Results): string {
  const columns = ['ours', 'plain', 'bentocache', 'cachified', 'cacheManager', 'cacheable'] as const;
  type Row = Partial<Record<(typeof columns)[number], string>>;
  const figure = (of: BenchResult, name: string) => shown(of.figures[name]);
  const peer = (of: BenchResult, name: string) => shown(of.peers[name]);
  const faults = ['refused', 'frozen', 'slow', 'killed'] as const;
  const rows: [string, Row][] = [
    [
      'hits/s, 64 callers',
      {
        ours: figure(cache, 'hitsPerSecond'),
        plain: `ioredis ${peer(cache, 'rawHitsPerSecond')}`,
        bentocache: peer(cache, 'bentocacheHitsPerSecond'),
        cachified: peer(cache, 'cachifiedHitsPerSecond'),
        cacheManager: peer(cache, 'cacheManagerHitsPerSecond'),
      },
    ],
    [
      'the same, three masters',
      { ours: figure(cache, 'clusterHitsPerSecond'), plain: `ioredis ${peer(cache, 'rawClusterHitsPerSecond')}` },
    ],
    [
      'hits/s, one caller',
      { ours: figure(cache, 'singleHitsPerSecond'), plain: `ioredis ${peer(cache, 'rawSingleHitsPerSecond')}` },
    ],
    [
      'hits/s, local layer',
      { ours: figure(cache, 'localHitsPerSecond'), bentocache: peer(cache, 'bentocacheLocalHitsPerSecond') },
    ],
    [
      '`getMany` of 1,000 keys, ms',
      { ours: figure(batch, 'getManyMs'), plain: `bare pipeline ${peer(batch, 'pipelineMs')}` },
    ],
    [
      'the same, three masters',
      { ours: figure(batch, 'getManyClusterMs'), plain: `bare pipelines ${peer(batch, 'pipelineByNodeMs')}` },
    ],
    ['`invalidatePrefix` of 1,000,000 keys, ms', { ours: figure(cache, 'invalidatePrefixOfAMillionMs') }],
    ['loads of one expired key, 4 processes of 250 callers', { ours: figure(stampede, 'loads') }],
    [
      'loads of one failing loader, 40 callers',
      {
        ours: figure(stampede, 'failedLoads'),
        bentocache: peer(stampede, 'bentocacheFailedLoads'),
        cachified: peer(stampede, 'cachifiedFailedLoads'),
        cacheManager: peer(stampede, 'cacheManagerFailedLoads'),
      },
    ],
    ...faults.map((fault): [string, Row] => {
      const late = (name: string) => {
        const ms = outage.peers[`${name}${fault.charAt(0).toUpperCase()}${fault.slice(1)}Ms`];
        return ms !== undefined && ms >= LIMIT_MS ? 'no answer' : shown(ms);
      };
      return [
        `cold read, Redis ${fault}, ms`,
        {
          ours: shown((outage.figures[`${fault}Ms`] ?? Number.NaN) + DEADLINE_MS + LOAD_MS),
          bentocache: late('bentocache'),
          cachified: late('cachified'),
          cacheManager: late('cacheManager'),
          cacheable: late('cacheable'),
        },
      ];
    }),
    ['hits again after Redis is back, ms', { ours: figure(outage, 'recoveryMs') }],
    [
      'session requests/s, rolling',
      {
        ours: figure(sessions, 'requestsPerSecond'),
        plain: `connect-redis ${peer(sessions, 'connectRedisRequestsPerSecond')}`,
      },
    ],
  ];
  return [
    '| | Cache Steward | what it stands on, or replaces | bentocache | cachified | cache-manager | cacheable |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(([name, row]) => `| ${[name, ...columns.map((column) => row[column] ?? '')].join(' | ')} |`),
  ].join('\n');
}

/** Where, when and on what it was measured. */
async function about(): Promise<string> {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const versions: Record<string, string> = { ...dependencies, ...devDependencies };
  const names = ['ioredis', 'bentocache', '@epic-web/cachified', 'cache-manager', 'cacheable', 'connect-redis'];
  const server = await benchRedis();
  const client = new Redis(server.url);
  const redis = /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  client.disconnect();
  await server.stop();
  const [cpu] = cpus();
  return [
    `Written by \`npm run bench -- readme\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${cpu?.model.trim()}) shared with Redis ${redis}, Node`,
    `${process.versions.node}, ${names.map((name) => `${name} ${versions[name]}`).join(', ')}.`,
    'Medians of turns that alternate within one run, deadline and breaker on; while Redis is unavailable the worst of three (of the',
    `others one), with a deadline of ${DEADLINE_MS} ms for ours and a load of ${LOAD_MS} ms. No answer: an error, or nothing within ${LIMIT_MS / 1_000} s.`,
  ].join('\n');
}

function shown(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(2);
}
