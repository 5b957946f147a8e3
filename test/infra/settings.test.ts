import { readSettings, sections } from '../../src/settings';
import type { Setting } from '../../src/settings/setting';
import { deployedSettings } from '../deployed/app-settings';
import { only, parameterFiles, readSnapshot } from './infra';

/** Read by the functions host and its telemetry, not by the app. */
const ofTheHost = [
  'AzureWebJobsStorage__credential',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
];

/** Settings without a default that a deployment leaves out, and why. A new one must be set in Bicep or named here. */
const leftOut: Readonly<Record<string, string>> = {
  ALERT_RULES_FILE: 'the package’s own file is the default, and Bicep reads the same',
  ALERT_RUNBOOKS_URL: 'where a team reads its runbooks only the team knows; without it a rule names the file',
  ALERT_RECEIVER_QUEUE: 'the other way to be notified; the template sets up the webhook',
  AzureWebJobsStorage: 'a connection string: storage is reached by identity',
  AzureWebJobsStorage__accountName: 'the three endpoints are given instead, which hold in every cloud',
  AZURE_MONITOR_ENDPOINT: 'the public cloud’s is the default',
  REDIS_MAX_MEMORY_BYTES: 'both services say their limit',
  REDIS_SENTINEL_NAME: 'self-hosted only',
  REDIS_SENTINEL_PASSWORD: 'self-hosted only',
  REDIS_TLS_CA_FILE: 'Node knows the authority',
  SWEEP_QUIET_HOURS: 'none by default',
};

/** What Flex Consumption refuses or ignores. */
const forbidden = /^(FUNCTIONS_|WEBSITE_|SCM_|ENABLE_ORYX)/;

const known = new Map(sections.flatMap(({ settings }) => Object.entries<Setting>(settings)));

describe.each(parameterFiles)('the app settings of %s', (name) => {
  const set = only(readSnapshot(name), 'Microsoft.Web/sites/config').properties as Record<string, string>;

  test('are all known to the app or the host', () => {
    expect(Object.keys(set).filter((setting) => !known.has(setting) && !ofTheHost.includes(setting))).toEqual([]);
    expect(Object.keys(set).filter((setting) => forbidden.test(setting))).toEqual([]);
  });

  test('are all that the app needs: the others have a default, or a reason to be left out', () => {
    const missing = [...known].filter(
      ([setting, { schema }]) => !(setting in set) && !(setting in leftOut) && schema.fallback === undefined,
    );
    expect(missing.map(([setting]) => setting)).toEqual([]);
  });

  test.each([
    ['where the operator gives no database and no webhook', {}],
    [
      'with a database and a webhook',
      {
        databaseUrl: 'postgres://app@db.example.net/app',
        alertWebhookUrl: 'https://hooks.example.net',
        alertWebhookSecret: 'a-secret',
      },
    ],
  ])('are accepted by the app %s', (_, given) => {
    const settings = readSettings(deployedSettings(readSnapshot(name), given));
    expect(settings).toMatchObject({ REDIS_AUTH: 'entra', REDIS_MODE: 'cluster', REDIS_SESSIONS_DB: 0 });
  });

  test('hold no secret but those of secure parameters', () => {
    const secrets = [...known].filter(([setting, { secret }]) => secret && setting in set).map(([setting]) => setting);
    for (const setting of secrets.filter((secret) => secret !== 'REDIS_URL')) {
      expect(set[setting]).toMatch(/^\[parameters\('\w+'\)\]$/);
    }
    // No user and no password in it: only the host's name and the port.
    expect(set.REDIS_URL).toMatch(/^\[format\('rediss:\/\/\{0\}:\{1\}', reference\('.*'\)\.hostName, \d+\)\]$/);
  });
});

test('every setting that is left out is one that the app still has', () => {
  expect(Object.keys(leftOut).filter((setting) => !known.has(setting))).toEqual([]);
});
