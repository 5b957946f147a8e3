import type { AddressInfo } from 'node:net';
import { createWebApp, type WebServices } from './web-app';

export interface WebServer {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  stop(): Promise<void>;
}

/** Serves the sample web app on a free port of the loopback. */
export async function startWebServer(services: WebServices): Promise<WebServer> {
  const app = await createWebApp(services);
  return new Promise((resolve, reject) => {
    const server = app.listen(0, '127.0.0.1', (error?: Error) => {
      if (error) {
        reject(error);
        return;
      }
      resolve({
        address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeIdleConnections();
          }),
      });
    });
  });
}
