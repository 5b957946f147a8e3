import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { FLAG_COMPRESSED, FLAG_NEGATIVE, flagsOf, payloadOf } from './entry';
import { SerializeError, ValueTooLargeError } from './errors';

/** Turns values into text and back. Both throw where they can't. */
export interface Serializer {
  serialize(value: unknown): string;
  deserialize(text: string): unknown;
}

export const jsonSerializer: Serializer = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (text) => JSON.parse(text),
};

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** A value ready for the script: its flags and its payload. */
export interface Encoded {
  readonly flags: number;
  readonly payload: string;
}

export const NEGATIVE: Encoded = { flags: FLAG_NEGATIVE, payload: '' };

export interface CodecOptions {
  readonly serializer: Serializer;
  readonly maxValueBytes: number;
}

export class Codec {
  constructor(private readonly options: CodecOptions) {}

  /** Throws `E_SERIALIZE` or `E_VALUE_TOO_LARGE`. */
  async encode(value: unknown, compressOverBytes: number): Promise<Encoded> {
    const text = this.#serialize(value);
    const bytes = Buffer.byteLength(text);
    const { maxValueBytes } = this.options;
    if (bytes > maxValueBytes) {
      throw new ValueTooLargeError(
        `Expected a value of at most ${maxValueBytes} bytes when serialized, got ${bytes}; cache a part of it or raise maxValueBytes`,
      );
    }
    if (bytes <= compressOverBytes) return { flags: 0, payload: text };
    // Base64, because an entry is text throughout: the hit path then never meets a Buffer.
    const packed = (await zip(text)).toString('base64');
    return packed.length < bytes ? { flags: FLAG_COMPRESSED, payload: packed } : { flags: 0, payload: text };
  }

  /** The value of an entry of ours, undefined for a negative one. Throws where the payload is broken. */
  decode(raw: string): unknown {
    const flags = flagsOf(raw);
    if ((flags & FLAG_NEGATIVE) !== 0) return undefined;
    if ((flags & FLAG_COMPRESSED) !== 0) return this.#unpack(payloadOf(raw));
    return this.options.serializer.deserialize(payloadOf(raw));
  }

  async #unpack(payload: string): Promise<unknown> {
    const packed = Buffer.from(payload, 'base64');
    const text = (await unzip(packed, { maxOutputLength: this.options.maxValueBytes })).toString();
    return this.options.serializer.deserialize(text);
  }

  #serialize(value: unknown): string {
    let text: unknown;
    try {
      text = this.options.serializer.serialize(value);
    } catch (error) {
      throw new SerializeError('Expected a value that can be serialized, got one that the serializer refuses', {
        cause: error,
      });
    }
    if (typeof text !== 'string') {
      throw new SerializeError(`Expected a value that can be serialized, got a ${typeof value}`);
    }
    return text;
  }
}
