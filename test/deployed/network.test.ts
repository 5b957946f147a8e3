import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { installNetwork } from './network.cjs';

const servers: Server[] = [];
const restores: (() => void)[] = [];

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const echo = () => createServer((socket) => socket.on('error', () => {}).pipe(socket));

async function said(port: number, host: string): Promise<string> {
  const socket = connect({ port, host });
  socket.end('hello');
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

afterEach(() => {
  for (const restore of restores.splice(0)) restore();
  for (const server of servers.splice(0)) server.close();
});

test('a name, and its address, lead to the server that the table names; the loopback stays what it is', async () => {
  const port = await listening(echo());
  restores.push(installNetwork({ addresses: { 'x.example.net': '10.20.5.4' }, routes: { '10.20.5.4:443': port } }));
  expect(await said(443, 'x.example.net')).toBe('hello');
  expect(await said(443, '10.20.5.4')).toBe('hello');
  expect(await said(port, '127.0.0.1')).toBe('hello');
  const socket = new Socket().connect(443, 'x.example.net');
  await once(socket, 'connect');
  socket.destroy();
});

test('fetch goes the same way', async () => {
  const port = await listening(createHttp((_, response) => response.end('answer')));
  restores.push(installNetwork({ addresses: { 'x.example.net': '203.0.113.9' }, routes: { '203.0.113.9:80': port } }));
  expect(await (await fetch('http://x.example.net/')).text()).toBe('answer');
});

test('what the table does not name cannot be reached', async () => {
  restores.push(installNetwork({ addresses: { 'x.example.net': '10.20.5.4' }, routes: {} }));
  await expect(said(443, 'y.example.net')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(said(443, 'x.example.net')).rejects.toMatchObject({ code: 'ENETUNREACH' });
  await expect(said(443, '203.0.113.1')).rejects.toMatchObject({ code: 'ENETUNREACH' });
  const failed = await once(request('https://y.example.net/').end(), 'error');
  expect(failed[0]).toMatchObject({ code: 'ENOTFOUND' });
  await expect(fetch('https://203.0.113.1/')).rejects.toMatchObject({ cause: { code: 'ENETUNREACH' } });
});

test('preloaded, it is there before the app', () => {
  const preload = `const { installNetwork } = require(${JSON.stringify(require.resolve('./network.cjs'))});
    installNetwork({ addresses: { 'x.example.net': '10.20.5.4' }, routes: {} });
    require('node:dns').lookup('x.example.net', (_, address) => process.stdout.write(address));`;
  expect(execFileSync(process.execPath, ['-e', preload], { encoding: 'utf8' })).toBe('10.20.5.4');
});
