import type { PassRecordStore } from '../ports';

/** Records of one process, for the command line and for tests. Keeps text, as the blobs do. */
export function memoryRecords(): PassRecordStore {
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
