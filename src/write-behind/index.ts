export type { DeadLetter, DeadLetterReason, DeadLetterSummary, NewDeadLetter } from './dead-letter';
export { createDeadLetters, type DeadLetters, type DeadLettersOptions } from './dead-letters';
export { WriteRefusedError, WriteUnknownError } from './errors';
export { createFlusher, type Delivery, type Flusher, type FlusherOptions } from './flusher';
export type { JournalConsumer } from './journal';
export { createLimitedJournal, type LimitedJournalOptions } from './limited-journal';
export { createPoisonDrain, type PoisonDrainOptions } from './poison-drain';
export { createStorageQueueJournal, type StorageQueueJournalOptions } from './storage-queue-journal';
