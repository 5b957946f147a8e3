import { Redis } from 'ioredis';
import { aclRules, CHANNEL_PATTERNS, COMMANDS, KEY_PATTERNS } from '../../src/redis/auth/acl';
import type { Program } from './packages';

/**
 * Who connects to a Redis of ours: the web app and the Functions app, each with its published rights and no more
 * (docs/security.md), or the administrator, who is Redis' `default` user. Nobody gets in without a password.
 */
export type RedisUser = 'web' | 'app' | 'admin';

export const PASSWORDS: Readonly<Record<RedisUser, string>> = {
  web: 'local-web',
  app: 'local-app',
  admin: 'local-admin',
};

/** `user:password@`, as a URL has it. */
export function credentialsOf(user: RedisUser, adminPassword = PASSWORDS.admin): string {
  return user === 'admin' ? `:${encodeURIComponent(adminPassword)}@` : `${user}:${PASSWORDS[user]}@`;
}

/** Options of ioredis' `Cluster`, which takes no URL. */
export function signedIn(user: RedisUser) {
  return { redisOptions: { username: user === 'admin' ? 'default' : user, password: PASSWORDS[user] } };
}

/** The same URL with other parts: another user, the port of a proxy. */
export function urlWith(url: string, parts: Partial<Pick<URL, 'username' | 'password' | 'port'>>): string {
  return Object.assign(new URL(url), parts).href;
}

/** Adds a user with these rules, for needs that are not the published ones; its URL. */
export async function addUser(adminUrl: string, username: string, rules: readonly string[]): Promise<string> {
  const admin = new Redis(adminUrl);
  try {
    await admin.call('ACL', 'SETUSER', username, 'on', `>${username}`, ...rules);
    return urlWith(adminUrl, { username, password: username });
  } finally {
    admin.disconnect();
  }
}

/** The same thing for each of them. */
export function eachUser<T>(of: (user: RedisUser) => T): Readonly<Record<RedisUser, T>> {
  return { web: of('web'), app: of('app'), admin: of('admin') };
}

/** Arguments of redis-server. */
export function userArgs({ channelRights = true }: Program, adminPassword: string): string[] {
  const channels = channelRights ? CHANNEL_PATTERNS : [];
  const least = (['web', 'app'] as const).flatMap((user) => {
    return ['--user', user, 'on', `>${PASSWORDS[user]}`, ...aclRules(COMMANDS[user], KEY_PATTERNS, channels)];
  });
  return ['--requirepass', adminPassword, '--masterauth', adminPassword, ...least];
}
