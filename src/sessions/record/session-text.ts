import { SessionTooLargeError, SessionUnserializableError } from '../errors';
import type { SessionRules } from '../options';
import type { SessionContent } from './merge-sessions';

/** Turns sessions into text and back, within the size that is allowed. */
export class SessionText {
  constructor(private readonly rules: Pick<SessionRules, 'serializer' | 'maxBytes'>) {}

  write(session: unknown): string {
    let text: string;
    try {
      text = this.rules.serializer.stringify(session);
    } catch (cause) {
      throw new SessionUnserializableError('Expected a session that the serializer can write: it refused', { cause });
    }
    if (typeof text !== 'string') {
      throw new SessionUnserializableError(`Expected the serializer to give a string, got ${typeof text}`);
    }
    // A string has at least as many bytes as characters, and at most three times as many.
    if (text.length * 3 > this.rules.maxBytes) {
      const bytes = Buffer.byteLength(text);
      if (bytes > this.rules.maxBytes) throw new SessionTooLargeError(bytes, this.rules.maxBytes);
    }
    return text;
  }

  /** Undefined where the text can't be read, or isn't an object. A promise only where the serializer gives one. */
  read(text: string): SessionContent | undefined | Promise<SessionContent | undefined> {
    try {
      const parsed = this.rules.serializer.parse(text);
      return parsed instanceof Promise ? parsed.then(asContent, () => undefined) : asContent(parsed);
    } catch {
      return undefined;
    }
  }
}

function asContent(parsed: unknown): SessionContent | undefined {
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? (parsed as SessionContent)
    : undefined;
}
