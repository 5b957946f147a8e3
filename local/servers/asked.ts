import { type RedisOptions as ClientOptions, Redis } from 'ioredis';

/** The servers are ours and on this machine; whether a certificate is verified is the library's own test. */
export const unverified = { rejectUnauthorized: false } as const;

/** One question to a server of ours, as its default user, on a connection of its own. */
export async function asked<T>(
  port: number,
  password: string,
  { tlsDir }: { readonly tlsDir?: string },
  question: (client: Redis) => Promise<T>,
): Promise<T> {
  const settings: ClientOptions & { replyMapping?: 'legacy' } = {
    host: '127.0.0.1',
    port,
    password,
    ...(tlsDir && { tls: unverified }),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    commandTimeout: 2_000,
    disconnectTimeout: 100,
  } as const;
  const client = new Redis(settings);
  client.on('error', () => {});
  try {
    await client.connect();
    return await question(client);
  } finally {
    if (client.status !== 'end') client.disconnect();
  }
}
