import { resolveSettings } from './app-settings';
import type { RegisteredFunction } from './core-module';
import { encodeMessage } from './queue-data';
import type { Binding, InvocationResponse, TypedData } from './rpc';
import type { StorageAccounts } from './storage-account';

/**
 * Carries out the queue outputs of an invocation that succeeded. A failure here fails the invocation: outputs are
 * at-least-once.
 */
export async function writeOutputs(
  { metadata }: RegisteredFunction,
  response: InvocationResponse,
  accounts: StorageAccounts,
  encoding: 'base64' | 'none',
): Promise<void> {
  const returned = response.returnValue ? [{ name: '$return', data: response.returnValue }] : [];
  for (const { name, data } of [...(response.outputData ?? []), ...returned]) {
    const binding = metadata.bindings[name];
    if (binding?.type.toLowerCase() === 'queue') await sendAll(binding, messagesOf(data), accounts, encoding);
  }
}

async function sendAll(
  binding: Binding,
  messages: readonly string[],
  accounts: StorageAccounts,
  encoding: 'base64' | 'none',
): Promise<void> {
  const service = await accounts.queues(binding.connection as string | undefined);
  const queue = service.getQueueClient(resolveSettings(String(binding.queueName), process.env).toLowerCase());
  await queue.createIfNotExists();
  for (const message of messages) await queue.sendMessage(encodeMessage(message, encoding));
}

/** One message an element of an array, also of a string that is one; else one message. */
export function messagesOf(data: TypedData): string[] {
  const text = data.string ?? data.json;
  if (text === undefined || text === null) {
    if (data.bytes) return [Buffer.from(data.bytes).toString()];
    const number = data.int ?? data.double;
    return number === undefined || number === null ? [] : [String(number)];
  }
  const value = parsed(text);
  if (!Array.isArray(value)) return [text];
  return value.map((element) => (typeof element === 'string' ? element : JSON.stringify(element)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
