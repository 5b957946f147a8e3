import globScript from './glob.lua';

/**
 * Redis' glob as SCAN MATCH has it, byte by byte: `*`, `?`, `[abc]`, `[^a-z]`, `\` before a literal character. A sweep
 * must also count the keys that do not match, so it matches here and in Lua, not by SCAN.
 *
 * The text between two stars has a fixed length, so the first place where it is found will do: no backtracking,
 * whatever the pattern.
 */
export interface Glob {
  /** One Lua pattern for each piece, to be found one after the other. Empty: every key matches. */
  readonly lua: readonly string[];
  matches(key: Buffer): boolean;
  /** The beginning, if the pattern is only that and a star, such as `app:*`. */
  readonly beginning: string | undefined;
}

/** A pattern that matches exactly `text`, for SCAN MATCH and {@link parseGlob}. */
export const escapeGlob = (text: string): string => text.replace(/[*?[\]\\]/g, '\\$&');

/** Lua that stands before a script which matches keys: see scripts/glob.lua. */
export const globLua: string = globScript;

/** The bytes that are allowed at one place. */
type Place = ReadonlySet<number> | 'any';

export function parseGlob(source: string): Glob {
  const pieces = piecesOf(Buffer.from(source));
  const last = pieces.length - 1;
  const used = pieces.flatMap((places, index) => {
    const [atStart, atEnd] = [index === 0, index === last];
    // An empty piece before the first star, between two stars or after the last one matches anything.
    return places.length > 0 || (atStart && atEnd) ? [{ places, atStart, atEnd }] : [];
  });
  const expressions = used.map(({ places, atStart, atEnd }) => {
    const body = places.map(toRegExp).join('');
    return new RegExp(`${body}${atEnd ? '$' : ''}`, atStart ? 'sy' : 'sg');
  });
  return {
    lua: used.map(({ places, atStart, atEnd }) => {
      return `${atStart ? '^' : ''}${places.map(toLua).join('')}${atEnd ? '$' : ''}`;
    }),
    matches(key) {
      const text = key.toString('latin1');
      let at = 0;
      return expressions.every((expression) => {
        expression.lastIndex = at;
        const found = expression.test(text);
        at = expression.lastIndex;
        return found;
      });
    },
    beginning: /^[^*?[\\]+\*$/.test(source) ? source.slice(0, -1) : undefined,
  };
}

/** Arguments for scripts that begin with {@link globLua}; they come last. A key is bytes, and so is a pattern. */
export const globArguments = (glob: Glob | undefined): readonly Buffer[] =>
  (glob?.lua ?? []).map((piece) => Buffer.from(piece, 'latin1'));

/** Splits at the stars. The special cases (an empty class, one that is not closed, a last backslash) are those of Redis. */
function piecesOf(glob: Buffer): Place[][] {
  const pieces: Place[][] = [[]];
  const add = (place: Place) => pieces.at(-1)?.push(place);
  for (let at = 0; at < glob.length; at += 1) {
    const byte = glob[at] as number;
    if (byte === STAR) pieces.push([]);
    else if (byte === QUESTION) add('any');
    else if (byte === OPEN) {
      const { place, end } = classAt(glob, at + 1);
      add(place);
      at = end;
    } else if (byte === BACKSLASH && at + 1 < glob.length) {
      at += 1;
      add(new Set([glob[at] as number]));
    } else add(new Set([byte]));
  }
  return pieces;
}

/** `end` is the place of its closing bracket, or of the last byte if there is none. */
function classAt(glob: Buffer, from: number): { place: Place; end: number } {
  const isNot = glob[from] === CARET;
  const bytes = new Set<number>();
  let at = isNot ? from + 1 : from;
  for (; at < glob.length && glob[at] !== CLOSE; at += 1) {
    if (glob[at] === BACKSLASH && at + 1 < glob.length) {
      at += 1;
      bytes.add(glob[at] as number);
    } else if (glob[at + 1] === DASH && at + 2 < glob.length) {
      const [one, other] = [glob.readInt8(at), glob.readInt8(at + 2)]; // signed, as Redis compares them
      for (let byte = Math.min(one, other); byte <= Math.max(one, other); byte += 1) bytes.add(byte & 0xff);
      at += 2;
    } else bytes.add(glob[at] as number);
  }
  const place = isNot ? new Set(ALL.filter((byte) => !bytes.has(byte))) : bytes;
  return { place, end: at };
}

const toRegExp = (place: Place): string =>
  place === 'any' ? '.' : `[${[...place].map((byte) => `\\x${hex(byte)}`).join('')}]`;

function toLua(place: Place): string {
  if (place === 'any' || place.size === ALL.length) return '.';
  if (place.size === 0) return '[^%z\u0001-\u00ff]';
  const bytes = [...place].map((byte) => (byte === 0 ? '%z' : luaByte(String.fromCharCode(byte))));
  return bytes.length === 1 ? (bytes[0] as string) : `[${bytes.join('')}]`;
}

/** A percent sign makes a punctuation mark literal, but gives a letter a meaning. */
const luaByte = (char: string): string => (/[!-/:-@[-`{-~]/.test(char) ? `%${char}` : char);

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

const ALL = Array.from({ length: 256 }, (_, byte) => byte);
const [STAR, QUESTION, OPEN, CLOSE, BACKSLASH, CARET, DASH] = [...Buffer.from('*?[]\\^-')];
