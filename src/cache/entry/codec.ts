import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Entity } from '../../entities/define-entity';
import { SerializeError, ValueTooLargeError } from '../errors';
import { FLAG_COMPRESSED, FLAG_NEGATIVE, flagsOf, payloadOf } from './entry-format';

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

/** Values of an entity with a store are JSON, whatever the serializer: the journal and its flush show them as such. */
export class Codec {
  constructor(private readonly options: CodecOptions) {}

  /** Throws `E_SERIALIZE` or `E_VALUE_TOO_LARGE`. */
  async encode(value: unknown, entity: Entity | undefined, compressOverBytes: number): Promise<Encoded> {
    const { maxValueBytes } = this.options;
    const text = serialized(value, this.#serializerOf(entity));
    const bytes = Buffer.byteLength(text);
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
  decode(raw: string, entity: Entity | undefined): unknown {
    const flags = flagsOf(raw);
    if ((flags & FLAG_NEGATIVE) !== 0) return undefined;
    if ((flags & FLAG_COMPRESSED) !== 0) return this.#unpack(raw, entity);
    return this.#serializerOf(entity).deserialize(payloadOf(raw));
  }

  async #unpack(raw: string, entity: Entity | undefined): Promise<unknown> {
    const packed = Buffer.from(payloadOf(raw), 'base64');
    const text = (await unzip(packed, { maxOutputLength: this.options.maxValueBytes })).toString();
    return this.#serializerOf(entity).deserialize(text);
  }

  #serializerOf(entity: Entity | undefined): Serializer {
    return entity?.store === undefined ? this.options.serializer : jsonSerializer;
  }
}

/** Throws `E_SERIALIZE`. */
export function serialized(value: unknown, serializer: Serializer): string {
  let text: unknown;
  try {
    text = serializer.serialize(value);
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
