import { createHash } from 'node:crypto';
import type { Version } from '../../entities/version';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { type StorageClients, unlessStatus } from '../../storage/clients';
import type { Claim } from './journal-message';

export interface ClaimStore {
  /** Stores the value and returns its claim check. The same write always returns the same claim check. */
  keep(key: string, version: Version, value: string, signal: AbortSignal): Promise<Claim>;
  read(claim: Claim): Promise<string | undefined>;
  drop(claims: readonly Claim[]): Promise<void>;
}

/** Container for values that are too large for a message; the prefix comes before it. */
export const CLAIMS_CONTAINER = 'claims';

export function createClaimStore(options: { readonly storage: StorageClients; readonly logger: Logger }): ClaimStore {
  const { storage, logger } = options;
  return {
    async keep(key, version, value, signal) {
      const container = await storage.container(CLAIMS_CONTAINER);
      const name = `${createHash('sha256').update(key).digest('hex').slice(0, 32)}-${version}`;
      const content = Buffer.from(value, 'utf8');
      await container.getBlockBlobClient(name).upload(content, content.length, { abortSignal: signal });
      return { blob: name, bytes: content.length };
    },

    async read(claim) {
      const container = await storage.container(CLAIMS_CONTAINER);
      return (await unlessStatus(404, container.getBlobClient(claim.blob).downloadToBuffer()))?.toString('utf8');
    },

    async drop(claims) {
      if (claims.length === 0) return;
      try {
        const container = await storage.container(CLAIMS_CONTAINER);
        for (const claim of claims) await container.getBlobClient(claim.blob).deleteIfExists();
      } catch (error) {
        const message = 'could not delete claim blobs; they expire after 365 days';
        logger.warn({ claims: claims.length, error: coerceError(error).name }, message);
      }
    },
  };
}
