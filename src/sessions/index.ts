export { type SaveOutcome, SessionCore } from './core';
export {
  SessionOptionsError,
  SessionsUnavailableError,
  SessionTooLargeError,
  SessionUnserializableError,
} from './errors';
export { fromIoredis } from './from-ioredis';
export type { SessionHandle, SessionOrigin } from './handle';
export type { LoadedSession } from './loader';
export type { SessionOptions, SessionValues } from './options';
export type { SessionCounters, SessionRedis, SessionSerializer } from './ports';
export { createSessionStore, type ListedSession, type SessionStore } from './store';
export type { UserSession, UserSessions } from './users';
