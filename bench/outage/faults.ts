import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { urlWith } from '../../local/servers';

/** A proxy before Redis that can hold each answer back. */
export async function slowProxy(url: string) {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (data) => {
      if (delayMs === 0) client.write(data);
      else void sleep(delayMs).then(() => client.destroyed || client.write(data));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    url: urlWith(url, { port: `${address.port}` }),
    setDelay(ms: number) {
      delayMs = ms;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a call took, in ms, and whether it was answered; `limitMs` ends the waiting. */
export async function timed(work: () => Promise<unknown>, limitMs: number): Promise<{ ms: number; answered: boolean }> {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, limitMs, 'late');
  });
  try {
    const first = await Promise.race([work(), limit]);
    return { ms: performance.now() - started, answered: first !== 'late' };
  } catch {
    return { ms: performance.now() - started, answered: false };
  } finally {
    clearTimeout(timer);
  }
}
