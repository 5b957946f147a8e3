import { capabilitiesOf, parseInfo, type RedisHandle } from '../../redis';
import { type Finding, fault, ok, skipped, warning } from '../finding';

/** Memory used above this share of the limit is a warning, above the second an error. */
const MEMORY = { warning: 0.8, error: 0.95 };
/** Clocks further from ours, or from each other, than this disturb versions and deadlines: ms. */
const SKEW_MS = 500;

/** What the server is and how it is. */
export async function checkServer(redis: RedisHandle): Promise<Finding[]> {
  const abilities = await capabilitiesOf(redis);
  const masters = await redis.nodes('masters');
  const infos = await Promise.all(
    masters.map(async ({ address, client }) => ({ address, info: parseInfo(await redis.within(client.info())) })),
  );
  return [
    checkVersion(abilities.version, abilities.product, abilities.enterprise),
    checkPolicy(abilities.maxmemoryPolicy),
    ...infos.map(({ address, info }) => checkMemory(address, info)),
    ...infos.map(({ address, info }) => checkPersistence(address, info)),
    ...(await checkClocks(redis)),
  ];
}

function checkVersion(version: string, product: string, enterprise: boolean): Finding {
  const detail = `${product} ${version}${enterprise ? ', Enterprise dialect' : ''}`;
  return Number(version.split('.')[0]) >= 6
    ? ok('redis.version', detail)
    : fault('redis.version', detail, 'Redis 6.0 or newer is needed.');
}

function checkPolicy(policy: string | undefined): Finding {
  if (policy === undefined) return skipped('redis.policy', 'the server does not show its maxmemory-policy');
  if (policy === 'noeviction') {
    return warning('redis.policy', policy, 'When memory is full, writes are refused. For a cache use allkeys-lru.');
  }
  if (policy.startsWith('volatile')) {
    return warning('redis.policy', policy, 'Only keys with a TTL make room; keys without one fill the memory.');
  }
  return ok('redis.policy', policy);
}

function checkMemory(address: string, info: ReadonlyMap<string, string>): Finding {
  const used = Number(info.get('used_memory') ?? Number.NaN);
  const limit = Number(info.get('maxmemory') ?? 0);
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  if (Number.isNaN(used)) return skipped('redis.memory', `${address} does not show it`);
  if (limit === 0) {
    return warning('redis.memory', `${address} uses ${mib(used)}, and has no limit`, 'Set maxmemory, or it takes all.');
  }
  const detail = `${address} uses ${mib(used)} of ${mib(limit)}`;
  const share = used / limit;
  if (share >= MEMORY.error) return fault('redis.memory', detail, 'It evicts or refuses now: scale up, or sweep.');
  if (share >= MEMORY.warning)
    return warning('redis.memory', detail, 'Scale up, or look at the census for what fills it.');
  return ok('redis.memory', detail);
}

function checkPersistence(address: string, info: ReadonlyMap<string, string>): Finding {
  const saved = info.get('rdb_last_bgsave_status');
  const appended = info.get('aof_enabled') === '1';
  if (saved === undefined) return skipped('redis.persistence', `${address} does not show it`);
  if (saved !== 'ok' || (appended && info.get('aof_last_write_status') !== 'ok')) {
    const advice = 'Read the server’s log: disk full, or no memory to fork.';
    return fault('redis.persistence', `${address}: the last save failed`, advice);
  }
  return ok('redis.persistence', `${address}: ${appended ? 'AOF' : 'no AOF'}, last snapshot ${saved}`);
}

async function checkClocks(redis: RedisHandle): Promise<Finding[]> {
  const nodes = await redis.nodes('masters');
  const findings: Finding[] = [];
  for (const { address, client } of nodes) {
    const before = Date.now();
    const [seconds, micros] = await redis.within(client.time());
    const skewMs = Math.round(Number(seconds) * 1e3 + Number(micros) / 1e3 - (before + Date.now()) / 2);
    const detail = `${address} is ${Math.abs(skewMs)} ms ${skewMs < 0 ? 'behind' : 'ahead of'} this machine`;
    const advice = 'Deadlines follow the server’s clock, so nothing breaks; but mend the clocks.';
    const isFine = Math.abs(skewMs) <= SKEW_MS;
    findings.push(isFine ? ok('redis.clock', detail) : warning('redis.clock', detail, advice));
  }
  return findings;
}
