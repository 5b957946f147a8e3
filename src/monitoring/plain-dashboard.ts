/** A page of plain figures: sections of rows, nothing fetched from elsewhere. */
export interface PlainSection {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string | number | null])[];
}

export function renderPlainDashboard(title: string, sections: readonly PlainSection[]): string {
  const body = sections.map(({ title: heading, rows }) => {
    const lines = rows.map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${shown(value)}</td></tr>`);
    return `<h2>${escaped(heading)}</h2><table>${lines.join('') || '<tr><td>nothing</td></tr>'}</table>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10"><title>${escaped(title)}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
th{text-align:left;font-weight:400;padding-right:2rem}td{font-variant-numeric:tabular-nums}</style></head>
<body><h1>${escaped(title)}</h1>${body.join('\n')}</body></html>`;
}

const shown = (value: string | number | null) =>
  value === null ? 'unknown' : escaped(typeof value === 'number' ? value.toLocaleString('en-US') : value);

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
