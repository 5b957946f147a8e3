import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import { ignoreRejection, isThenable } from '../../contained';
import type { Entity } from '../../entities/define-entity';
import { SerializeError, ValueTooLargeError } from '../errors';
import { FLAG_COMPRESSED, FLAG_NEGATIVE, flagsOf, payloadOf } from './entry-format';

/** Turns values into text and back. Both methods are synchronous, and throw if they cannot. */
export interface Serializer {
  serialize(value: unknown): string;
  deserialize(text: string): unknown;
}

export const jsonSerializer: Serializer = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (text) => JSON.parse(text),
};

// Loaded at first use: most caches compress nothing.
const zip = async (text: string) => promisify((await import('node:zlib')).gzip)(text);
const unzip = async (packed: Buffer, maxOutputLength: number) =>
  promisify<Buffer, ZlibOptions, Buffer>((await import('node:zlib')).gunzip)(packed, { maxOutputLength });

/** A value in the form that the scripts store: the flags and the payload of its entry. */
export type Encoded = { readonly flags: number; readonly payload: string };

/** The entry that is kept for a value which the source does not have, so that it is not loaded again and again. */
export const NEGATIVE: Encoded = { flags: FLAG_NEGATIVE, payload: '' };

export type CodecOptions = { readonly serializer: Serializer; readonly maxValueBytes: number };

/**
 * Encodes and decodes the payload of entries. Values of an entity with a store are always JSON, whatever the
 * serializer: the journal and the flush job show the same text.
 */
export class Codec {
  constructor(private readonly options: CodecOptions) {}

  /** Throws `E_SERIALIZE` or `E_VALUE_TOO_LARGE`. */
  async encode(value: unknown, entity: Entity | undefined, compressOverBytes: number): Promise<Encoded> {
    const { maxValueBytes } = this.options;
    const text = serialized(value, this.#serializerOf(entity));
    const bytes = Buffer.byteLength(text);
    if (bytes > maxValueBytes) {
      throw new ValueTooLargeError(
        `The serialized value has ${bytes} bytes, more than maxValueBytes (${maxValueBytes}). Cache a part of it or raise maxValueBytes`,
      );
    }
    if (bytes <= compressOverBytes) return { flags: 0, payload: text };
    // Base64 keeps every entry a string, so that reading a hit never handles a Buffer.
    const packed = (await zip(text)).toString('base64');
    return packed.length < bytes ? { flags: FLAG_COMPRESSED, payload: packed } : { flags: 0, payload: text };
  }

  /** Whether values are JSON, so that callers can share a frozen one, and reading one runs no code of the app. */
  isJson(entity: Entity | undefined): boolean {
    return this.#serializerOf(entity) === jsonSerializer;
  }

  /** Returns the value, or undefined for a negative entry; a promise if it is compressed. Throws if the payload is corrupt. */
  decode(raw: string, entity: Entity | undefined): unknown {
    const text = this.textOf(raw);
    return text instanceof Promise ? text.then((unpacked) => this.parse(unpacked, entity)) : this.parse(text, entity);
  }

  /** The serialized value of an entry; undefined if it is negative; a promise if it is compressed. */
  textOf(raw: string): string | undefined | Promise<string> {
    const flags = flagsOf(raw);
    if ((flags & FLAG_NEGATIVE) !== 0) return undefined;
    return (flags & FLAG_COMPRESSED) === 0 ? payloadOf(raw) : this.#unpack(raw);
  }

  /** The value of a text from {@link textOf}. Throws if the serializer cannot read it. */
  parse(text: string | undefined, entity: Entity | undefined): unknown {
    if (text === undefined) return undefined;
    const value = this.#serializerOf(entity).deserialize(text);
    if (!isThenable(value)) return value;
    ignoreRejection(value);
    throw new SerializeError('Expected the serializer to return a value, got a promise. It must be synchronous');
  }

  async #unpack(raw: string): Promise<string> {
    const packed = Buffer.from(payloadOf(raw), 'base64');
    return (await unzip(packed, this.options.maxValueBytes)).toString();
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
    throw new SerializeError('The serializer refused the value. Store plain data, or set options.serializer', {
      cause: error,
    });
  }
  if (typeof text !== 'string') {
    ignoreRejection(text);
    throw new SerializeError(`The serializer returned no text for a value of type ${typeof value}. Store plain data`);
  }
  return text;
}
