import type { ContainerClient } from '@azure/storage-blob';

/** What is kept of a timer between runs of the host. */
export interface TimerStatus {
  /** When it last ran; the year 1 where it hasn't yet. */
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

export const NEVER = '0001-01-01T00:00:00+00:00';

export interface TimerStatusStore {
  read(timer: string): Promise<TimerStatus | undefined>;
  write(timer: string, status: TimerStatus): Promise<void>;
}

/** Where the real host keeps it: `azure-webjobs-hosts/timers/{host id}/Host.Functions.{name}/status`. */
export function blobTimerStatus(container: ContainerClient, hostId: string): TimerStatusStore {
  const blob = (timer: string) => container.getBlockBlobClient(`timers/${hostId}/Host.Functions.${timer}/status`);
  return {
    async read(timer) {
      try {
        return JSON.parse((await blob(timer).downloadToBuffer()).toString()) as TimerStatus;
      } catch (thrown: unknown) {
        if ((thrown as { statusCode?: number }).statusCode === 404) return undefined;
        throw thrown;
      }
    },
    async write(timer, status) {
      await container.createIfNotExists();
      const text = JSON.stringify(status);
      await blob(timer).upload(text, Buffer.byteLength(text));
    },
  };
}
