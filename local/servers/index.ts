export { type AzuriteOptions, type RunningAzurite, startAzurite } from './azurite';
export { type ClusterOptions, type RunningCluster, startRedisCluster } from './cluster';
export { findProgram, type Program, type ProgramSource, unpackPackages } from './packages';
export { type PgliteOptions, type RunningPglite, startPglite } from './pglite';
export { freePort } from './ports';
export { type RunningPostgres, startPostgres } from './postgres';
export { findRedis, type RedisOptions, type RunningRedis, startRedis } from './redis';
export { findRedis6 } from './redis6';
export { type RunningSentinels, type SentinelMember, type SentinelOptions, startSentinels } from './sentinel';
