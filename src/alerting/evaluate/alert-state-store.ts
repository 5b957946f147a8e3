import { StewardError } from '../../errors';
import type { StorageClients } from '../../storage/clients';
import { type JsonBlobs, jsonBlobs, memoryJsonBlobs } from '../../storage/json-blobs';

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
export const createMemoryAlertState = (): AlertStateStore => alertState(memoryJsonBlobs());

/** A blob each, changed under its ETag. */
export const createBlobAlertState = ({ storage }: { readonly storage: StorageClients }): AlertStateStore =>
  alertState(jsonBlobs(storage, 'alerts'));

function alertState(blobs: JsonBlobs): AlertStateStore {
  return {
    read: (document) => blobs.read(`${document}.json`),
    async write(document, value, etag) {
      const written = await blobs.write(`${document}.json`, value, etag);
      if (written === undefined) throw new AlertStateConflictError(document);
    },
  };
}
