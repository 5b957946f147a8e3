import type { StorageClients } from '../../storage/clients';
import type { RecordStore } from '../ports';

/** Records as JSON blobs in one container. */
export function blobRecords(storage: StorageClients, container: string): RecordStore {
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
        // 412: changed since it was read. 409: created since it was found missing.
        if ([409, 412].includes(statusOf(error) ?? 0)) return undefined;
        throw error;
      }
    },
  };
}

/** Records in the memory of this process, for the command line and for tests. Keeps them as text, like the blobs. */
export function memoryRecords(): RecordStore {
  const records = new Map<string, { text: string; etag: string }>();
  let writes = 0;
  return {
    async read<T>(name: string) {
      const record = records.get(name);
      return record && { value: JSON.parse(record.text) as T, etag: record.etag };
    },
    async write(name, value, etag) {
      if (records.get(name)?.etag !== etag) return undefined;
      writes += 1;
      const fresh = `${writes}`;
      records.set(name, { text: JSON.stringify(value), etag: fresh });
      return fresh;
    },
  };
}

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;
