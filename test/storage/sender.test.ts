import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';

// Azurite knows no roles, so this speaks the queue service's REST as it answers a principal that may send and no more.

test('one who may only send to a queue sends to it, and is not asked to make it', async () => {
  const seen: string[] = [];
  const service = createServer((request, response) => {
    seen.push(`${request.method} ${request.url?.split('?')[0]}`);
    request.resume().on('end', () => {
      if (request.method === 'POST') {
        const sent =
          '<QueueMessage><MessageId>1</MessageId><PopReceipt>r</PopReceipt><InsertionTime>Mon, 23 Nov 2026 12:00:00 GMT</InsertionTime></QueueMessage>';
        response.writeHead(201, { 'content-type': 'application/xml' });
        response.end(`<?xml version="1.0"?><QueueMessagesList>${sent}</QueueMessagesList>`);
        return;
      }
      response.writeHead(403, {
        'content-type': 'application/xml',
        'x-ms-error-code': 'AuthorizationPermissionMismatch',
      });
      response.end('<?xml version="1.0"?><Error><Code>AuthorizationPermissionMismatch</Code></Error>');
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = service.address() as AddressInfo;
    const key = Buffer.from('any').toString('base64');
    const connection = `AccountName=a;AccountKey=${key};QueueEndpoint=http://127.0.0.1:${port}/a;DefaultEndpointsProtocol=http`;
    const queue = await storageClients(readSettings({ AzureWebJobsStorage: connection })).queue('write-behind');
    await queue.sendMessage('aGk=');
    expect(seen).toEqual(['PUT /a/write-behind', 'POST /a/write-behind/messages']);
  } finally {
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
  }
});
