import { dotnetTime } from './dotnet-time';
import type { InvocationInput } from './invoke';
import type { TypedData } from './rpc';

export interface QueueMessage {
  /** The body, decoded. */
  readonly body: string;
  readonly dequeueCount: number;
  /** Neither has a message that was given by hand. */
  readonly messageId?: string;
  readonly popReceipt?: string;
  readonly insertedOn?: Date;
  readonly expiresOn?: Date;
  readonly nextVisibleOn?: Date;
}

/** The last moment that .NET knows, for a message that was given by hand. */
const NEVER = '9999-12-31T23:59:59.9999999+00:00';

/** What a queue-triggered function is given: the body as a string, and what the host knows of the message. */
export function queueInput(bindingName: string, message: QueueMessage): InvocationInput {
  return {
    inputData: [{ name: bindingName, data: { string: message.body } }],
    triggerMetadata: {
      QueueTrigger: { string: message.body },
      DequeueCount: json(message.dequeueCount),
      ...(message.messageId === undefined ? {} : { Id: { string: message.messageId } }),
      ...(message.popReceipt === undefined ? {} : { PopReceipt: { string: message.popReceipt } }),
      InsertionTime: json(dotnetTime(message.insertedOn ?? new Date())),
      ExpirationTime: json(message.expiresOn ? dotnetTime(message.expiresOn) : NEVER),
      NextVisibleTime: json(message.nextVisibleOn ? dotnetTime(message.nextVisibleOn) : NEVER),
      // Last, so that a body's own `id` or `dequeueCount` shadows the message's: the real host does that.
      ...bodyProperties(message.body),
    },
  };
}

/** The top-level properties of a body that is a JSON object, arrays left out. */
function bodyProperties(body: string): Record<string, TypedData> {
  const value = parsed(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value).filter(([, property]) => !Array.isArray(property));
  const existing = new Map(METADATA.map((name) => [name.toLowerCase(), name]));
  // The host's bag ignores case.
  return Object.fromEntries(
    entries.map(([name, property]) => [existing.get(name.toLowerCase()) ?? name, json(property)]),
  );
}

const METADATA = [
  'QueueTrigger',
  'DequeueCount',
  'Id',
  'PopReceipt',
  'InsertionTime',
  'ExpirationTime',
  'NextVisibleTime',
];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const json = (value: unknown): TypedData =>
  value === undefined || value === null ? {} : { json: JSON.stringify(value) };

/** The text of a message as it lies in the queue. */
export function encodeMessage(text: string, encoding: 'base64' | 'none'): string {
  return encoding === 'base64' ? Buffer.from(text).toString('base64') : text;
}

/**
 * The bytes of a message's body; undefined if it isn't the base64 that it should be. White space in it counts for
 * nothing.
 */
export function decodeMessage(text: string, encoding: 'base64' | 'none'): Buffer | undefined {
  if (encoding === 'none') return Buffer.from(text);
  const packed = text.replace(/[ \t\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) return undefined;
  return Buffer.from(packed, 'base64');
}

/** Throws if the bytes are no UTF-8. A byte order mark is part of the text, as it is for the real host. */
export function textOf(body: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
}
