import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a server whose port may change, and makes trouble on the way. */
export interface TcpProxy {
  readonly port: number;
  /** New connections go there from now on. */
  target(port: number): void;
  /** Ends every connection, in the middle of whatever it does. */
  cut(): void;
  /** Passes nothing on in either direction, until `thaw`. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  let to = targetPort;
  let frozen = false;
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
    inbound.on('data', (chunk) => outbound.write(chunk));
    outbound.on('data', (chunk) => inbound.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    target: (port) => {
      to = port;
    },
    cut: () => sockets.forEach((socket) => void socket.destroy()),
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
