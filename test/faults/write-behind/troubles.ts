import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { World } from './world';

type Next = () => number;
/** Resolves when the trouble is over and what it ended is running again. */
type Trouble = (world: World, next: Next) => Promise<void>;

/** Mostly short, now and then some seconds: longer than a lease of the functions host. */
const aWhile = (next: Next) => pause(200 + 5_000 * next() ** 3);

const oneOf = <T>(list: readonly T[], next: Next): T => list[Math.floor(next() * list.length)] as T;

/** What happens to a server alike, whichever it is. */
const ofServer = (serverOf: (world: World) => World['redis'] | World['postgres']) => ({
  async kill(world: World, next: Next) {
    const server = serverOf(world);
    await server.kill('SIGKILL');
    await aWhile(next);
    await server.restart();
  },
  async freeze(world: World, next: Next) {
    const server = serverOf(world);
    await server.kill('SIGSTOP');
    await aWhile(next);
    await server.kill('SIGCONT');
  },
});

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
    ...ofServer(({ redis }) => redis),
    async flush({ redis }) {
      const client = new Redis(redis.adminUrl);
      await client.flushall();
      client.disconnect();
    },
  },
  postgres: ofServer(({ postgres }) => postgres),
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
