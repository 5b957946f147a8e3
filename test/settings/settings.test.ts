import { readFileSync } from 'node:fs';
import { readSettings, SettingsError, sections } from '../../src/settings';
import { renderSampleSettings, renderSettingsDoc } from '../../src/settings/render-settings';

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
