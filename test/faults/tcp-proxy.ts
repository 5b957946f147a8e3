import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a server whose port may change, and makes trouble on the way. */
export interface TcpProxy {
  readonly port: number;
  /** New connections go there from now on. */
  target(port: number): void;
  /** Ends every connection, whatever it does. */
  cut(): void;
  /**
   * From now on ends each connection in mid-request: half of a `request` arrives, or all of it and no `answer` comes
   * back. Undefined: no more.
   */
  cutOff(what: 'request' | 'answer' | undefined): void;
  /** Passes nothing on in either direction, until `thaw`. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  let to = targetPort;
  let frozen = false;
  let cutting: 'request' | 'answer' | undefined;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (frozen) socket.pause();
  };
  const server = createServer((inbound) => {
    const outbound = connect(to, '127.0.0.1');
    for (const socket of [inbound, outbound]) keep(socket);
    inbound.on('close', () => outbound.destroy());
    outbound.on('close', () => inbound.destroy());
    inbound.on('data', (chunk: Buffer) => {
      if (cutting !== 'request') outbound.write(chunk);
      else outbound.write(chunk.subarray(0, chunk.length / 2), () => inbound.destroy());
    });
    outbound.on('data', (chunk) => {
      if (cutting !== 'answer') inbound.write(chunk);
      else inbound.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    target: (port) => {
      to = port;
    },
    cut: () => sockets.forEach((socket) => void socket.destroy()),
    cutOff: (what) => {
      cutting = what;
    },
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
