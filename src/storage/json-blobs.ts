import type { StorageClients } from './clients';

/** JSON values by name. A value can only be changed by a writer that has read its present state. */
export interface JsonBlobs {
  /** Undefined if there is none. */
  read<T>(name: string): Promise<{ readonly value: T; readonly etag: string } | undefined>;
  /**
   * Replaces the state that `etag` names, or creates the value if `etag` is undefined. Returns the new ETag; undefined
   * if another writer was faster, and then nothing was written.
   */
  write(name: string, value: unknown, etag: string | undefined): Promise<string | undefined>;
}

/** Blobs in one container, changed under their ETags. */
export function jsonBlobs(storage: StorageClients, container: string): JsonBlobs {
  const blobOf = async (name: string) => (await storage.container(container)).getBlockBlobClient(name);
  return {
    async read<T>(name: string) {
      const blob = await blobOf(name);
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
      const blob = await blobOf(name);
      const text = JSON.stringify(value);
      try {
        const reply = await blob.upload(text, Buffer.byteLength(text), {
          conditions: etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
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

/** The same in the memory of this process, for the command line and for tests. Keeps text, as blobs do. */
export function memoryJsonBlobs(): JsonBlobs {
  const blobs = new Map<string, { text: string; etag: string }>();
  let writes = 0;
  return {
    async read<T>(name: string) {
      const blob = blobs.get(name);
      return blob && { value: JSON.parse(blob.text) as T, etag: blob.etag };
    },
    async write(name, value, etag) {
      if (blobs.get(name)?.etag !== etag) return undefined;
      writes += 1;
      const fresh = `${writes}`;
      blobs.set(name, { text: JSON.stringify(value), etag: fresh });
      return fresh;
    },
  };
}

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;
