import { DAY, HOUR, MINUTE, SECOND } from '../../clock';

const units = { s: SECOND, m: MINUTE, h: HOUR, d: DAY } as const;

/** Durations in the rules file: `90s`, `5m`, `2h`, `7d`. */
export const DURATION = /^(\d+)([smhd])$/;

/** A duration that matches `DURATION`, in milliseconds. */
export function durationMs(text: string): number {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return Number(digits) * units[unit as keyof typeof units];
}
