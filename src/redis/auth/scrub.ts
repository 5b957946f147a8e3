/** What ioredis hangs on its errors. */
interface CarryingError extends Error {
  command?: { readonly name: string; readonly args?: unknown };
  lastNodeError?: Error;
}

/**
 * Takes the command's arguments off an error, in place: ioredis puts them on every one, and whoever prints the error
 * would print passwords, session ids and values.
 */
export function scrub(error: Error): Error {
  const carrying = error as CarryingError;
  if (carrying.command?.args !== undefined) carrying.command = { name: carrying.command.name };
  const { message } = error;
  const shown = message.indexOf(', with args beginning with');
  if (shown >= 0) {
    error.message = message.slice(0, shown);
    error.stack = `${error.name}: ${error.message}`; // it repeats the message
  }
  if (carrying.lastNodeError) scrub(carrying.lastNodeError);
  if (error.cause instanceof Error) scrub(error.cause);
  return error;
}
