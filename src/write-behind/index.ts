export type { DeadLetter, DeadLetterReason, DeadLetterSummary, NewDeadLetter } from './dead-letters/dead-letter';
export { createDeadLetters, type DeadLetters, type DeadLettersOptions } from './dead-letters/dead-letter-store';
export { createPoisonDrain, type PoisonDrainOptions } from './dead-letters/poison-drain';
export { FlushTimeoutError, WriteRefusedError, WriteUnknownError } from './errors';
export type { FlushAllOptions, FlushAllReport } from './flush/flush-all';
export type { FlushKeyOptions } from './flush/flush-key';
export { createFlusher, type Delivery, type Flusher, type FlusherOptions } from './flush/flusher';
export { type JournalBacklog, readBacklog } from './journal/backlog';
export type { JournalConsumer, ReceivedMessage } from './journal/journal';
export { createLimitedJournal, type LimitedJournalOptions } from './journal/limited-journal';
export { createStorageQueueJournal, type StorageQueueJournalOptions } from './journal/storage-queue-journal';
export {
  type CloseOptions,
  createWriteBehind,
  type WriteBehind,
  type WriteBehindEnd,
  type WriteBehindOptions,
} from './write-behind';
