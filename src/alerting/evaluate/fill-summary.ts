import type { Labels } from '../../monitoring/samples/sample-store';

/** `{label}` becomes the label's value, `{value:format}` the number in that form; an unknown label stays as written. */
export const fillSummary = (template: string, labels: Labels, value: number): string =>
  template.replace(/\{(\w+)(?::(\w+))?\}/g, (whole, name: string, format?: string) =>
    name === 'value' ? formatted(value, format) : (labels[name] ?? whole),
  );

/** The forms a number can take in a summary. */
const forms = {
  number: (value: number) => short(value),
  percent: (value: number) => `${short(value * 100)} %`,
  ms: (value: number) => `${short(value * 1_000)} ms`,
  duration: (value: number) => durationText(value),
  bytes: (value: number) => bytesText(value),
};
export const formats = Object.keys(forms);

const formatted = (value: number, format = 'number') => (forms[format as keyof typeof forms] ?? short)(value);

const short = (value: number) => String(Number(value.toPrecision(3)));

function durationText(seconds: number): string {
  if (seconds < 120) return `${short(seconds)} s`;
  if (seconds < 7_200) return `${short(seconds / 60)} min`;
  if (seconds < 172_800) return `${short(seconds / 3_600)} h`;
  return `${short(seconds / 86_400)} days`;
}

function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${short(bytes / 1024 ** power)} ${units[power]}`;
}
