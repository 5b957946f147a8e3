import { systemClock } from '../../src/clock';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { createStorageQueueJournal } from '../../src/write-behind';
import { row } from './row';

export interface BenchJournal {
  /** Appends the next write; its latency in ms. */
  append(): Promise<number>;
  /** Messages that storage has taken so far. */
  messages(): number;
  close(): Promise<void>;
}

/** The real journal on a queue of its own, fed with writes of 100,000 keys in turn. */
export function benchJournal(connection: string, name: string): BenchJournal {
  const settings = readSettings({ AzureWebJobsStorage: connection, WRITE_BEHIND_QUEUE: `bench-${name}` });
  let messages = 0;
  const counters = {
    add: (counter: string) => {
      if (counter === 'journal_messages') messages++;
    },
    set: () => {},
    flush: async () => {},
  };
  const ports = { settings, counters, storage: storageClients(settings), logger: silentLogger, clock: systemClock };
  const journal = createStorageQueueJournal(ports);
  let n = 0;
  return {
    async append() {
      n++;
      const write = {
        ...{ entity: 'bench:row', key: `bench:row:${n % 100_000}`, acceptedAt: Date.now() },
        ...{ version: versionAt(Date.now() * 1_000 + (n % 1_000), 0), value: JSON.stringify(row(n)) },
      };
      const started = performance.now();
      await journal.append(write);
      return performance.now() - started;
    },
    messages: () => messages,
    close: () => journal.close(),
  };
}
