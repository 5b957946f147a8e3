import type { StorageClients } from '../../storage/clients';
import type { PassRecordStore } from '../ports';

/** Records as blobs of one container, in JSON. */
export function blobRecords(storage: StorageClients, container: string): PassRecordStore {
  return {
    async read<T>(name: string) {
      const blob = (await storage.container(container)).getBlockBlobClient(name);
      try {
        const reply = await blob.download();
        const chunks: Buffer[] = [];
        for await (const chunk of reply.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
        return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as T, etag: reply.etag ?? '' };
      } catch (error: unknown) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async write(name, value, etag) {
      const blob = (await storage.container(container)).getBlockBlobClient(name);
      const text = JSON.stringify(value);
      const conditions = etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag };
      try {
        const reply = await blob.upload(text, Buffer.byteLength(text), {
          conditions,
          blobHTTPHeaders: { blobContentType: 'application/json' },
        });
        return reply.etag;
      } catch (error: unknown) {
        // 412: changed since it was read. 409: made since it was found missing.
        if ([409, 412].includes(statusOf(error) ?? 0)) return undefined;
        throw error;
      }
    },
  };
}

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;
