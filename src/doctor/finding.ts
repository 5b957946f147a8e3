/** One thing the doctor looked at. */
export interface Finding {
  /** Stable name: `redis.tls`, `storage.queue`. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'error' | 'skipped';
  /** What was seen. Never a secret. */
  readonly detail: string;
  /** What to do about it; only if there is something to do. */
  readonly advice?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail });
export const skipped = (check: string, detail: string): Finding => ({ check, state: 'skipped', detail });
export const warning = (check: string, detail: string, advice: string): Finding => ({
  check,
  state: 'warning',
  detail,
  advice,
});
export const fault = (check: string, detail: string, advice: string): Finding => ({
  check,
  state: 'error',
  detail,
  advice,
});
