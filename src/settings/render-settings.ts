import type { Setting, SettingsSection } from './setting';

/** The text of docs/settings.md. Generated, so that it cannot say other than the code. */
export function renderSettingsDoc(sections: readonly SettingsSection[]): string {
  const lines = [
    '# Settings',
    '',
    'Every setting is an environment variable: an app setting on Azure, a value in `local.settings.json` locally.',
    'An empty one counts as absent. With a wrong one a web app, the command line and `npm start` stop with one message',
    'that lists every fault. The Functions app starts and says so: `/api/health` answers 503, `/api/health/detail` names',
    'every fault, timers and endpoints fail with that message, and the messages of its queues wait. This page is generated',
    'from `src/settings/` by `npm run generate`; a test fails when they drift.',
  ];
  for (const { title, settings } of sections) {
    const rows = Object.entries(settings);
    if (rows.length === 0) continue;
    lines.push('', `## ${title}`, '', '| setting | meaning | expected | default |', '|---|---|---|---|');
    for (const [name, setting] of rows) lines.push(row(name, setting));
  }
  return `${lines.join('\n')}\n`;
}

function row(name: string, setting: Setting): string {
  const notes = [
    setting.meaning,
    setting.schema.unit ? `Unit: ${setting.schema.unit}.` : '',
    setting.secret ? 'Secret.' : '',
    setting.danger ? `**Careful:** ${setting.danger}` : '',
  ].filter(Boolean);
  return `| \`${name}\` | ${cell(notes.join(' '))} | ${cell(setting.schema.expected)} | ${cell(shown(setting.schema.fallback))} |`;
}

function shown(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none';
  return `\`${Array.isArray(value) ? value.join(',') : String(value)}\``;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The text of local.settings.sample.json: what a local run needs, ready to copy. */
export function renderSampleSettings(sections: readonly SettingsSection[]): string {
  const values: Record<string, string> = { FUNCTIONS_WORKER_RUNTIME: 'node' };
  for (const { settings } of sections) {
    for (const [name, setting] of Object.entries(settings)) {
      if (setting.sample !== undefined) values[name] = setting.sample;
    }
  }
  return `${JSON.stringify({ IsEncrypted: false, Values: values }, null, 2)}\n`;
}
