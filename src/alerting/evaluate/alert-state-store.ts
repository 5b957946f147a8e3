import { StewardError } from '../../errors';
import type { StorageClients } from '../../storage/clients';

/** Somebody else wrote the document meanwhile. The run that meets it is dropped: the other one was as good. */
export class AlertStateConflictError extends StewardError {
  readonly code = 'E_ALERT_STATE_CONFLICT';
  constructor(document: string) {
    super(`The alert document ${document} was changed by another run; this one is dropped`);
  }
}

/** The state of evaluation, and the record of what was told: each changed by one kind of run only. */
export type AlertDocument = 'state' | 'told';

export interface Versioned<T> {
  readonly value: T;
  /** Names this version for `write`. */
  readonly etag: string;
}

/** Where the documents of alerting are kept. */
export interface AlertStateStore {
  /** The document, or undefined before it was first written. */
  read<T>(document: AlertDocument): Promise<Versioned<T> | undefined>;
  /**
   * Replaces the version that `etag` names; without one, writes a document that isn't there yet. Throws
   * `E_ALERT_STATE_CONFLICT` where that isn't so any more.
   */
  write<T>(document: AlertDocument, value: T, etag: string | undefined): Promise<void>;
}

/** In this process: for tests and for `alerts test`. */
export function createMemoryAlertState(): AlertStateStore {
  const documents = new Map<string, { text: string; etag: string }>();
  let version = 0;
  return {
    read: async <T>(document: AlertDocument) => {
      const found = documents.get(document);
      return found && { value: JSON.parse(found.text) as T, etag: found.etag };
    },
    write: async (document, value, etag) => {
      if (documents.get(document)?.etag !== etag) throw new AlertStateConflictError(document);
      version += 1;
      documents.set(document, { text: JSON.stringify(value), etag: String(version) });
    },
  };
}

/** A blob each, changed under its ETag. */
export function createBlobAlertState(options: { readonly storage: StorageClients }): AlertStateStore {
  const blob = async (document: string) =>
    (await options.storage.container('alerts')).getBlockBlobClient(`${document}.json`);
  return {
    read: async <T>(document: AlertDocument) => {
      const client = await blob(document);
      try {
        const answer = await client.download();
        const chunks: Buffer[] = [];
        for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
        return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as T, etag: answer.etag ?? '' };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    write: async (document, value, etag) => {
      const body = JSON.stringify(value);
      try {
        await (await blob(document)).upload(body, Buffer.byteLength(body), {
          conditions: etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
          blobHTTPHeaders: { blobContentType: 'application/json' },
        });
      } catch (error) {
        if ([409, 412].includes(statusOf(error) ?? 0)) throw new AlertStateConflictError(document);
        throw error;
      }
    },
  };
}

const statusOf = (error: unknown) => (error as { statusCode?: number } | undefined)?.statusCode;
