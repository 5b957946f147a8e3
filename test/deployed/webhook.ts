import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { closing, listening } from './listening';

/** A receiver of notifications over TLS, as a chat or a pager is. */
export interface Webhook {
  readonly port: number;
  /** Bodies that were posted, in order. */
  readonly posts: readonly string[];
  /** Headers of each post. */
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

export async function startWebhook(tlsDir: string): Promise<Webhook> {
  const posts: string[] = [];
  const headers: Readonly<Record<string, unknown>>[] = [];
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(tlsDir, name)));
  const server = createServer({ cert, key }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'POST') {
      posts.push(Buffer.concat(chunks).toString());
      headers.push(request.headers);
    }
    response.writeHead(200).end();
  });
  const port = await listening(server);
  return { port, posts, headers, stop: closing(server) };
}
