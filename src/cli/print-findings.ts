import type { Finding } from '../doctor';

const signs = { ok: 'ok', warning: 'WARN', error: 'FAIL', skipped: '-' } as const;

/** The first line of a finding, without its advice. */
export const lineOf = ({ check, state, detail }: Finding): string =>
  `${signs[state].padEnd(4)}  ${check.padEnd(18)}  ${detail}`;
