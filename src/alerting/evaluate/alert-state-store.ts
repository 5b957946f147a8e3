import { StewardError } from '../../errors';
import type { StorageClients } from '../../storage/clients';
import { type JsonBlobs, jsonBlobs, memoryJsonBlobs } from '../../storage/json-blobs';

/** Another run has written the document meanwhile. This run is dropped: the other has done the same work. */
export class AlertStateConflictError extends StewardError {
  readonly code = 'E_ALERT_STATE_CONFLICT';
  constructor(document: string) {
    super(`The alert document ${document} was changed by another run; this one is dropped`);
  }
}

/** `state`: of the evaluation; `told`: the notification log. Only one kind of run changes each. */
export type AlertDocument = 'state' | 'told';

export interface Versioned<T> {
  readonly value: T;
  /** Names this version for `write`. */
  readonly etag: string;
}

/** Stores the documents of alerting. */
export interface AlertStateStore {
  /** The document, or undefined before it was first written. */
  read<T>(document: AlertDocument): Promise<Versioned<T> | undefined>;
  /**
   * Replaces the version that `etag` names, or creates the document if `etag` is undefined. Throws
   * `E_ALERT_STATE_CONFLICT` if the document has changed since.
   */
  write<T>(document: AlertDocument, value: T, etag: string | undefined): Promise<void>;
}

/** In this process: for tests and for `alerts test`. */
export const createMemoryAlertState = (): AlertStateStore => alertState(memoryJsonBlobs());

/** One blob for each document, changed under its ETag. */
export const createBlobAlertState = ({ storage }: { readonly storage: StorageClients }): AlertStateStore =>
  alertState(jsonBlobs(storage, 'alerts'));

const alertState = (blobs: JsonBlobs): AlertStateStore => ({
  read: (document) => blobs.read(`${document}.json`),
  async write(document, value, etag) {
    const written = await blobs.write(`${document}.json`, value, etag);
    if (written === undefined) throw new AlertStateConflictError(document);
  },
});
