import { ignoreRejection, isThenable } from '../../contained';
import { withTimeout } from '../../timeout';
import { SessionsUnavailableError, SessionTooLargeError, SessionUnserializableError } from '../errors';
import type { SessionRules } from '../options';
import type { SessionContent } from './merge-sessions';

/** How long an asynchronous serializer may read one session, in ms. */
const PARSE_MS = 10_000;

/** Serializes sessions, within the allowed size. */
export class SessionText {
  constructor(private readonly rules: Pick<SessionRules, 'serializer' | 'maxBytes'>) {}

  write(session: unknown): string {
    let text: string;
    try {
      text = this.rules.serializer.stringify(session);
    } catch (cause) {
      throw new SessionUnserializableError(
        'The serializer cannot write the session, so it was not saved. The cause says why.',
        { cause },
      );
    }
    if (typeof text !== 'string') {
      ignoreRejection(text);
      throw new SessionUnserializableError(`Expected the serializer to return a string, got ${typeof text}`);
    }
    // A string has at most three bytes per UTF-16 unit, so short ones need no counting.
    if (text.length * 3 > this.rules.maxBytes) {
      const bytes = Buffer.byteLength(text);
      if (bytes > this.rules.maxBytes) throw new SessionTooLargeError(bytes, this.rules.maxBytes);
    }
    return text;
  }

  /** Undefined if the text cannot be read or is not an object. A promise only if the serializer returns one. */
  read(text: string): SessionContent | undefined | Promise<SessionContent | undefined> {
    try {
      const parsed = this.rules.serializer.parse(text);
      return isThenable(parsed) ? inTime(parsed).then(asContent, unreadable) : asContent(parsed);
    } catch {
      return undefined;
    }
  }
}

const inTime = (parsing: PromiseLike<unknown>): Promise<unknown> =>
  withTimeout(parsing, PARSE_MS, () => {
    return new SessionsUnavailableError(`The serializer did not read the session within ${PARSE_MS} ms`);
  });

/** A serializer that is late has not said that the session is damaged. */
function unreadable(error: unknown): undefined {
  if (error instanceof SessionsUnavailableError) throw error;
}

const asContent = (parsed: unknown): SessionContent | undefined =>
  typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as SessionContent) : undefined;
