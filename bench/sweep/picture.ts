import type { BenchResult } from '../types';

/** The bench as a picture for docs/hygiene.md: `--picture <file.svg>`. Logarithmic, since a stall spans decades. */

interface Row {
  readonly label: string;
  readonly value: number;
  readonly ours: boolean;
}

const WIDTH = 760;
const LEFT = 250;
const RIGHT = 110;
const ROW = 26;

export function sweepPicture({ figures, peers }: BenchResult): string {
  const of = (values: Readonly<Record<string, number>>, name: string) => values[name] ?? Number.NaN;
  const speed: Row[] = [
    { label: "the story's KEYS loop", value: of(peers, 'storyKeysPerSecond'), ours: false },
    { label: 'SCAN 1000 and pipelines', value: of(peers, 'pipelinesKeysPerSecond'), ours: false },
    { label: 'bare Lua loop (the limit)', value: of(peers, 'bareLuaKeysPerSecond'), ours: false },
    { label: 'sweep, full duty', value: of(figures, 'keysPerSecond'), ours: true },
    { label: 'sweep, default duty (10 %)', value: of(figures, 'defaultDutyKeysPerSecond'), ours: true },
  ];
  const stall: Row[] = [
    { label: "the story's KEYS loop", value: of(peers, 'storyWorstStallMs'), ours: false },
    { label: 'SCAN 1000 and pipelines', value: of(peers, 'pipelinesWorstStallMs'), ours: false },
    { label: 'sweep, full duty', value: of(figures, 'worstStallMs'), ours: true },
    { label: 'sweep, every session to fix', value: of(figures, 'allToFixWorstStallMs'), ours: true },
  ];
  const first = panel('keys a second (more is better)', speed, 30, (value) =>
    Math.round(value).toLocaleString('en-US'),
  );
  const second = panel('worst wait of a reader, ms (less is better)', stall, first.bottom + 40, (value) =>
    value.toFixed(1),
  );
  const height = second.bottom + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...first.parts,
    ...second.parts,
    '</svg>\n',
  ].join('\n');
}

function panel(title: string, rows: readonly Row[], top: number, shown: (value: number) => string) {
  const logs = rows.map(({ value }) => Math.log10(value));
  const from = Math.floor(Math.min(...logs));
  const to = Math.max(...logs);
  const parts = [`<text x="10" y="${top}" font-weight="bold" fill="#1f2933">${title}</text>`];
  rows.forEach(({ label, value, ours }, index) => {
    const y = top + 14 + index * ROW;
    const width = Math.max(2, ((Math.log10(value) - from) / (to - from)) * (WIDTH - LEFT - RIGHT));
    parts.push(
      `<text x="${LEFT - 10}" y="${y + 14}" text-anchor="end" fill="#1f2933">${label}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 7}" fill="${ours ? '#0b6e4f' : '#9aa5b1'}"/>`,
      `<text x="${(LEFT + width + 8).toFixed(1)}" y="${y + 14}" fill="#1f2933">${shown(value)}</text>`,
    );
  });
  return { parts, bottom: top + 14 + rows.length * ROW };
}
