import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What happens to the next requests: `cutBefore` closes the connection and forwards nothing; `cutAfter` forwards, and
 * closes before the answer; `freeze` forwards nothing and never answers; a number is answered as a status.
 */
export type Trouble = 'pass' | 'cutBefore' | 'cutAfter' | 'freeze' | number;

/** Stands between a client and Azurite's queue service. */
export async function chaosProxy(connectionString: string) {
  const endpoint = /QueueEndpoint=http:\/\/127\.0\.0\.1:(\d+)/.exec(connectionString);
  const target = Number(endpoint?.[1]);
  const state = { requests: 0, trouble: (_request: IncomingMessage): Trouble => 'pass' };

  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const trouble = state.trouble(incoming);
    if (incoming.url?.includes('/messages')) state.requests++;
    const chunks: Buffer[] = [];
    incoming.on('error', () => {});
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      if (trouble === 'freeze') return;
      if (trouble === 'cutBefore') return void incoming.socket.destroy();
      if (typeof trouble === 'number') return void outgoing.writeHead(trouble).end();
      const { method, url, headers } = incoming;
      const forwarded = request({ port: target, host: '127.0.0.1', method, path: url, headers }, (answer) => {
        if (trouble === 'cutAfter') {
          answer.resume();
          answer.on('end', () => incoming.socket.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on('error', () => incoming.socket.destroy());
      forwarded.end(Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    connectionString: connectionString.replace(endpoint?.[0] as string, `QueueEndpoint=http://127.0.0.1:${port}`),
    /** Decides for each request from now on; by default only sends are troubled. */
    sends(trouble: Trouble | (() => Trouble)) {
      state.trouble = (incoming) =>
        incoming.method === 'POST' && incoming.url?.includes('/messages')
          ? typeof trouble === 'function'
            ? trouble()
            : trouble
          : 'pass';
    },
    everything(trouble: Trouble) {
      state.trouble = () => trouble;
    },
    get requests() {
      return state.requests;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
