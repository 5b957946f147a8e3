export { fromIoredis } from './adapters/from-ioredis';
export {
  SessionOptionsError,
  SessionsUnavailableError,
  SessionTooLargeError,
  SessionUnserializableError,
} from './errors';
export type { SessionOptions, SessionValues } from './options';
export type { SessionCounters, SessionRedis, SessionSerializer } from './ports';
export type { SessionHandle, SessionOrigin } from './record/session-handle';
export type { LoadedSession } from './record/session-loader';
export { createKeyVaultSecrets, type KeyVaultOptions } from './secrets/key-vault-secrets';
export type { SecretSource, SecretVault, SessionSecret } from './secrets/session-secrets';
export { SessionCore, type SessionSaveOutcome } from './session-core';
export { type SessionCookieOptions, SessionManager, type SessionManagerOptions } from './session-manager';
export { createSessionStore, type ListedSession, type SessionStore } from './session-store';
export type { UserSession, UserSessions } from './users/user-sessions';
