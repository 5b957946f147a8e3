/**
 * The base of every error this library throws. Each case is a small subclass beside the code that throws it;
 * its `code` is stable and documented, its message says what was expected, what came and what to do, and
 * neither ever holds a cached value, a session id or a secret.
 */
export abstract class StewardError extends Error {
  /** Stable and greppable, for example `E_KEY`. */
  abstract readonly code: `E_${string}`;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An `Error`, whatever was thrown. */
export function coerceError(thrown: unknown): Error {
  try {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  } catch {
    return new Error('something was thrown that cannot be turned into text');
  }
}

/** The stable code of an error of ours, of Node or of an SDK; `E_UNKNOWN` if it has none. */
export function errorCode(thrown: unknown): string {
  try {
    const code = (thrown as { code?: unknown } | null | undefined)?.code;
    return typeof code === 'string' && code !== '' ? code : 'E_UNKNOWN';
  } catch {
    return 'E_UNKNOWN';
  }
}
