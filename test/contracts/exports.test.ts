import ts from 'typescript';

/**
 * The public names of each entry. To add one, add it here as well; one that goes breaks the apps that import it.
 */
const words = (text: string): string[] => text.trim().split(/\s+/);

const entries = {
  'cache-steward': {
    file: 'src/index.ts',
    values: words(`
      CacheInputError DeadlineError EntityError FlushTimeoutError ForeignEntryError KeyError
      LoadFailedError LoadTimeoutError NO_VERSION PackageMissingError PermanentStoreError RedisUnavailableError SerializeError
      SessionCore SessionManager SessionOptionsError SessionStore SessionTooLargeError
      SessionUnserializableError SessionsUnavailableError SettingsError StewardError StorageSettingsError
      TransientStoreError UserSessions ValueTooLargeError VersionError VersionUnavailableError
      WriteRefusedError WriteUnknownError buildKey cacheOptions coerceError createCache createClient
      createEntities createFence createKeyVaultSecrets createReclaimer createRedis createSessionStore
      defineEntity entityOf entityRegistry entityStoreConformance errorCode fromIoredis jsonLogger
      jsonSerializer lazyPool parseKey postgresStore readSettings silentLogger storageClients toVersion
      versionMs
    `),
    types: words(`
      BulkLoader Cache CacheDependencies CacheOptions CacheSettings CallOptions Client ClientOptions
      ConformanceCase CredentialSource Credentials DeadLetter DeadLetterSummary DeadLetters Demand Entities
      EntitiesSource Entity EntityCacheOptions EntityLoaders EntityPorts EntityStore Fence FenceOptions
      FlushAllOptions FlushAllReport FlushKeyOptions Journal JournalBacklog JournalConsumer JournalWrite
      KeyParts KeyVaultOptions ListedSession LoadContext LoadedSession Loader LogFields Logger
      MemoizeOptions PostgresStoreOptions PublishOptions ReadEntity ReceivedMessage Reclaimed Reclaimer
      ReclaimerOptions RedisHandle RedisOptions RefreshAheadOptions RefreshOptions RefreshOutcome
      RefreshResult SaveOutcome SecretSource SecretVault Serializer SessionCookieOptions SessionCounters
      SessionHandle SessionManagerOptions SessionOptions SessionOrigin SessionRedis SessionSaveOutcome
      SessionSecret SessionSerializer SessionValues Settings SettleOptions Source SqlPool StorageClients
      StoreConformanceOptions StoredEntity StoredRow StoredVersion UserSession Version WarmItem
      WriteBehindEnd WriteBehindOptions WriteOptions WriteRow
    `),
  },
  'cache-steward/functions': {
    file: 'src/functions/index.ts',
    values: words(`
      registerJobs
    `),
    types: words(`
      RegisterJobsOptions
    `),
  },
  'cache-steward/keyv': {
    file: 'src/cache/keyv.ts',
    values: words(`
      KeyvStore createKeyvStore
    `),
    types: words(`
      KeyvItem KeyvStoreOptions
    `),
  },
  'cache-steward/testing': {
    file: 'src/testing.ts',
    values: words(`
      entityStoreConformance journalConformance
    `),
    types: words(`
      ConformanceCase StoreConformanceOptions
    `),
  },
};

/** Every name of a module and whether it exists at run time, as the compiler sees it. */
function exportsOf(file: string): { values: string[]; types: string[] } {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const found = checker.getExportsOfModule(module as ts.Symbol).map((name) => {
    const target = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
    return { name: name.name, isValue: (target.flags & ts.SymbolFlags.Value) !== 0 };
  });
  const names = (isValue: boolean) => found.filter((one) => one.isValue === isValue).map(({ name }) => name);
  return { values: names(true).sort(), types: names(false).sort() };
}

const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic() {} };
const options = ts.getParsedCommandLineOfConfigFile('tsconfig.json', {}, host)?.options ?? {};
const files = Object.values(entries).map(({ file }) => file);
const program = ts.createProgram([...files, 'src/text-modules.d.ts'], options);
const checker = program.getTypeChecker();

test.each(Object.entries(entries))('%s exports these names and no other', (_, { file, values, types }) => {
  expect(exportsOf(file)).toEqual({ values, types });
});
