import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A receiver of notifications, as a chat or a pager would be. */
export interface Webhook {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** Bodies that were posted, in order. */
  readonly posts: readonly string[];
  stop(): Promise<void>;
}

export async function startWebhook(): Promise<Webhook> {
  const posts: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    posts.push(Buffer.concat(chunks).toString());
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    posts,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
