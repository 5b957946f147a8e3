import { connect, type Socket } from 'node:net';

/** A kept-alive connection that sends requests and reads whole answers with as little work as can be. */
class Connection {
  readonly #socket: Socket;
  #text = '';
  #answered: ((text: string) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
    this.#socket.on('data', (chunk) => {
      this.#text += chunk;
      const head = this.#text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? 0);
      if (this.#text.length < head + 4 + length) return;
      const text = this.#text;
      this.#text = '';
      this.#answered?.(text);
    });
  }

  send(method: string, path: string, cookie?: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
      this.#socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${length}${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`,
      );
    });
  }

  end(): void {
    this.#socket.destroy();
  }
}

export interface Visitors {
  /** Over `ms`: nine reads to one that changes the session, each visitor one at a time. */
  browse(ms: number): Promise<{ requestsPerSecond: number; cpuMicrosPerRequest: number }>;
  end(): void;
}

export async function visitors(port: number, count: number): Promise<Visitors> {
  const connections = Array.from({ length: count }, () => new Connection(port));
  const cookies = await Promise.all(
    connections.map(async (connection, n) => {
      const answer = await connection.send('POST', `/login?user=u${n}`);
      return /set-cookie: ([^;]+)/i.exec(answer)?.[1] ?? '';
    }),
  );
  const cpu = async () => Number(/"micros":(\d+)/.exec((await connections[0]?.send('GET', '/cpu')) ?? '')?.[1]);
  return {
    browse: async (ms) => {
      const cpuBefore = await cpu();
      const begun = performance.now();
      let requests = 0;
      await Promise.all(
        connections.map(async (connection, n) => {
          for (let each = n; performance.now() - begun < ms; each += 1) {
            const [method, path] = each % 10 === 0 ? ['POST', '/visit'] : ['GET', '/me'];
            const answer = await connection.send(method as string, path as string, cookies[n]);
            if (!answer.startsWith('HTTP/1.1 200') || (path === '/me' && !answer.includes(`"u${n}"`))) {
              throw new Error(`the session of visitor ${n} was lost: ${answer.slice(0, 60)}`);
            }
            requests += 1;
          }
        }),
      );
      const seconds = (performance.now() - begun) / 1_000;
      return { requestsPerSecond: requests / seconds, cpuMicrosPerRequest: ((await cpu()) - cpuBefore) / requests };
    },
    end: () => {
      for (const connection of connections) connection.end();
    },
  };
}
