import { readFileSync } from 'node:fs';
import { toTarget } from '../../src/redis/connection/target';
import { inspectSettings, readSettings, SettingsError, sections } from '../../src/settings';
import { renderSampleSettings, renderSettingsDoc } from '../../src/settings/render-settings';
import type { Setting } from '../../src/settings/setting';

describe('settings', () => {
  test('an empty environment gives the documented defaults', () => {
    const settings = readSettings({});
    expect(settings.REDIS_SESSIONS_DB).toBe(0);
    expect(settings.REDIS_CACHE_DB).toBe(1);
    expect(settings.REDIS_DEADLINE_MS).toBe(250);
    expect(settings.WRITE_BEHIND_QUEUE).toBe('write-behind');
  });

  test('one message lists every fault by name, with what was given and what is expected', () => {
    const read = () => readSettings({ REDIS_DEADLINE_MS: 'soon', DATABASE_POOL_SIZE: '0', SWEEP_SCHEDULE: 'hourly' });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/3 settings are wrong/);
    expect(read).toThrow(/REDIS_DEADLINE_MS: expected a whole number from 1 to 60000, got "soon"/);
    expect(read).toThrow(/DATABASE_POOL_SIZE: expected a whole number from 1 to 100, got "0"/);
    expect(read).toThrow(/SWEEP_SCHEDULE: expected six NCRONTAB fields.*got "hourly"/);
  });

  test.each([
    ['0 * * * * 9', 'field 6, the day of week, to be 0 to 6 or names, or lists, ranges or steps of these'],
    ['0 61 * * * *', 'field 2, the minute, to be 0 to 59, or lists, ranges or steps of these'],
    ['0 0 0 30 2 *', 'a time that comes'],
    ['0 0 * * *', 'six NCRONTAB fields: second minute hour day month weekday, UTC'],
  ])('of the schedule %p it says what is wrong', (given, expected) => {
    const { faults } = inspectSettings({ SWEEP_SCHEDULE: given });
    expect(faults).toEqual([`SWEEP_SCHEDULE: expected ${expected}, got ${JSON.stringify(given)}`]);
  });

  test('a secret never stands in the message', () => {
    const secret = 'http://user:canary-4711@host';
    let message = '';
    try {
      readSettings({ REDIS_URL: secret });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/REDIS_URL: expected a redis:\/\/ or rediss:\/\/ URL/);
    expect(message).not.toContain('canary');
  });

  test.each([
    'redis://:canary@x',
    'postgres://user:canary',
    'canary@host',
    'AccountName=a;AccountKey=canary',
    'SharedAccessSignature=canary',
    'https://a.blob.core.windows.net/?sv=1&sig=canary',
    'password=canary',
    'canaryQ2FuYXJ5NDcxMUNhbmFyeTQ3MTE=',
  ])('a secret is masked in every setting: %s', (value) => {
    const { faults } = inspectSettings({ REDIS_CACHE_DB: value, STORAGE_NAME_PREFIX: value, REPORT_SCHEDULE: value });
    expect(faults).toHaveLength(3);
    for (const fault of faults) expect(fault).toMatch(`got a value of ${value.length} characters (masked)`);
    expect(() => toTarget(readSettings({ REDIS_NODES: value }))).toThrow('characters (masked)');
  });

  test('every setting says what it means and what is expected, and has a valid sample', () => {
    for (const { settings } of sections) {
      for (const [name, setting] of Object.entries(settings)) {
        expect([name, setting.meaning.length > 10, setting.schema.expected.length > 2]).toEqual([name, true, true]);
        if ('sample' in setting) expect([name, setting.schema.safeParse(setting.sample).success]).toEqual([name, true]);
      }
    }
  });

  test('no two sections declare the same setting', () => {
    const names = sections.flatMap(({ settings }) => Object.keys(settings));
    expect(new Set(names).size).toBe(names.length);
  });

  // `npm run generate` writes both.
  test('docs/settings.md is what the settings say', () => {
    expect(readFileSync('docs/settings.md', 'utf8')).toBe(renderSettingsDoc(sections));
  });

  test('local.settings.sample.json is what the settings say', () => {
    expect(readFileSync('local.settings.sample.json', 'utf8')).toBe(renderSampleSettings(sections));
  });
});

/** Any text is a value of these: a name, a path, a secret, a list. What is wrong with one shows where it is used. */
const takeAnyText = [
  ...['ALERT_GROUP_BY', 'ALERT_RULES_FILE', 'ALERT_WEBHOOK_SECRET'],
  ...['AzureWebJobsStorage__accountName', 'AzureWebJobsStorage__clientId', 'CACHE_NAME', 'CACHE_PREFIXES'],
  ...['REDIS_ENTRA_USER', 'REDIS_KEY_SECRETS', 'REDIS_NODES', 'REDIS_SENTINELS', 'REDIS_SENTINEL_NAME'],
  ...['REDIS_SENTINEL_PASSWORD', 'REDIS_TLS_CA_FILE', 'SESSION_SECRET_NAME', 'SWEEP_QUIET_HOURS'],
  ...['SWEEP_SESSION_PREFIX'],
];

describe('each setting', () => {
  const all = sections.flatMap(({ settings }) => Object.entries<Setting>(settings));
  const wrong = (setting: Setting) =>
    ['no such thing', '-7', '1e99', '0.5.5'].find((value) => !setting.schema.safeParse(value).success);

  test.each(all.map(([name]) => name))('%s: empty is absent', (name) => {
    expect(inspectSettings({ [name]: '' }).faults).toEqual([]);
  });

  test.each(all.filter(([, setting]) => wrong(setting)))(
    '%s: a wrong value is named, masked if it is secret',
    (name, setting) => {
      const value = wrong(setting) as string;
      const { settings, faults } = inspectSettings({ [name]: value });
      expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}: expected `))]);
      expect(faults[0]).toContain(setting.secret ? '(masked)' : JSON.stringify(value));
      expect(settings[name as keyof typeof settings]).toEqual(
        inspectSettings({}).settings[name as keyof typeof settings],
      );
    },
  );

  test('takes any text only if it is listed here', () => {
    expect(
      all
        .filter(([, setting]) => !wrong(setting))
        .map(([name]) => name)
        .sort(),
    ).toEqual(takeAnyText);
  });
});
