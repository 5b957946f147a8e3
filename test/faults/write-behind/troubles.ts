import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { World } from './world';

type Next = () => number;
/** Resolves when the trouble is over and what it ended is running again. */
type Trouble = (world: World, next: Next) => Promise<void>;

/** Mostly short, now and then some seconds: longer than a lease of the functions host. */
const aWhile = (next: Next) => pause(200 + 5_000 * next() ** 3);

const oneOf = <T>(list: readonly T[], next: Next): T => list[Math.floor(next() * list.length)] as T;

/** What may happen, by whom it happens to: to one of them one thing at a time, to several of them at once. */
export const troubles: Readonly<Record<string, Readonly<Record<string, Trouble>>>> = {
  'a web process': {
    async kill({ webs }, next) {
      const web = oneOf(webs, next);
      await web.end('SIGKILL');
      web.start();
    },
    async freeze({ webs }, next) {
      const web = oneOf(webs, next);
      web.signal('SIGSTOP');
      await aWhile(next);
      web.signal('SIGCONT');
    },
  },
  'the functions host': {
    async kill({ host }) {
      await host.end('SIGKILL');
      host.start();
    },
    async freeze({ host }, next) {
      host.signal('SIGSTOP');
      await aWhile(next);
      host.signal('SIGCONT');
    },
  },
  redis: {
    async kill({ redis }, next) {
      await redis.kill('SIGKILL');
      await aWhile(next);
      await redis.restart();
    },
    async freeze({ redis }, next) {
      await redis.kill('SIGSTOP');
      await aWhile(next);
      await redis.kill('SIGCONT');
    },
    async flush({ redis }) {
      const client = new Redis(redis.adminUrl);
      await client.flushall();
      client.disconnect();
    },
  },
  postgres: {
    async kill({ postgres }, next) {
      await postgres.kill('SIGKILL');
      await aWhile(next);
      await postgres.restart();
    },
    async freeze({ postgres }, next) {
      await postgres.kill('SIGSTOP');
      await aWhile(next);
      await postgres.kill('SIGCONT');
    },
  },
  storage: {
    async freeze({ storage }, next) {
      for (const proxy of storage) proxy.freeze();
      await aWhile(next);
      for (const proxy of storage) proxy.thaw();
    },
    async 'cut off in mid-request'({ storage }, next) {
      for (const proxy of storage) proxy.cutOff(oneOf(['request', 'answer'], next));
      await pause(200);
      for (const proxy of storage) proxy.cutOff(undefined);
    },
    async restart(world) {
      await world.restartStorage();
    },
  },
};
