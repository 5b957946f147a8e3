export { SessionCore, type SessionSaveOutcome } from './core';
export {
  SessionOptionsError,
  SessionsUnavailableError,
  SessionTooLargeError,
  SessionUnserializableError,
} from './errors';
export { fromIoredis } from './from-ioredis';
export type { SessionHandle, SessionOrigin } from './handle';
export { createKeyVaultSecrets, type KeyVaultOptions } from './key-vault';
export type { LoadedSession } from './loader';
export { type SessionCookieOptions, SessionManager, type SessionManagerOptions } from './manager';
export type { SessionOptions, SessionValues } from './options';
export type { SessionCounters, SessionRedis, SessionSerializer } from './ports';
export type { SecretSource, SecretVault, SessionSecret } from './secrets';
export { createSessionStore, type ListedSession, type SessionStore } from './store';
export type { UserSession, UserSessions } from './users';
