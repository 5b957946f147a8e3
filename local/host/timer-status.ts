import type { ContainerClient } from '@azure/storage-blob';
import type { StorageWatch } from './storage-watch';

/** What is kept of a timer between runs of the host. */
export interface TimerStatus {
  /** When it last ran; the year 1 if it hasn't yet. */
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

/** As it is kept. */
export const NEVER = '0001-01-01T00:00:00';
/** As a function is given it before its first run. */
export const NEVER_GIVEN = `${NEVER}+00:00`;

export interface TimerStatusStore {
  read(timer: string): Promise<TimerStatus | undefined>;
  write(timer: string, status: TimerStatus): Promise<void>;
}

/** Where the real host keeps it: `azure-webjobs-hosts/timers/{host id}/Host.Functions.{name}/status`. */
export function blobTimerStatus(
  container: () => Promise<ContainerClient>,
  hostId: string,
  watch: StorageWatch,
): TimerStatusStore {
  const blob = async (timer: string) =>
    (await container()).getBlockBlobClient(`timers/${hostId}/Host.Functions.${timer}/status`);
  return {
    async read(timer) {
      const client = await blob(timer);
      try {
        return JSON.parse((await watch.request(client.url, client.downloadToBuffer())).toString()) as TimerStatus;
      } catch (thrown: unknown) {
        if ((thrown as { statusCode?: number }).statusCode === 404) return undefined;
        throw thrown;
      }
    },
    async write(timer, status) {
      const client = await blob(timer);
      await watch.request(client.url, (await container()).createIfNotExists());
      const text = JSON.stringify(status);
      await watch.request(client.url, client.upload(text, Buffer.byteLength(text)));
    },
  };
}
