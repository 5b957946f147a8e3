import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, coerceError, createClient, createEntities, readSettings } from '../../src/index';
import type { HostKeys } from '../host/keys';
import { sampleSessions } from '../web/web-app';
import { startWebServer, type WebServer } from '../web/web-server';
import { consoleLogger, type StackConsole } from './console';
import { type FunctionsHost, findFunc, startFunctionsHost } from './functions-host';
import { leftBehind } from './left-behind';
import { queueLengths } from './queue-lengths';
import { type ServiceName, unreachable } from './reachable';
import { ownSetting, SERVICES, type Services, startServices } from './services';
import { stackEnvironment } from './settings';
import { within } from './within';

export interface StackOptions {
  /** One's own: names services of one's own, and sets what it likes. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Settings that go before it. */
  readonly more?: Readonly<Record<string, string>>;
  readonly mode: 'watched' | 'once';
  readonly sentinel: boolean;
  /** Default: the host needs no key. */
  readonly keys?: HostKeys;
  readonly console: StackConsole;
}

export interface RunningStack {
  /** With the rights of the app. */
  readonly client: Client;
  /** With those of the web app. */
  readonly webClient: Client;
  readonly host: FunctionsHost;
  readonly web: WebServer;
  /** The settings of what was started here, and none of one's own. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where things listen, in words. */
  readonly lines: readonly string[];
}

/** A person who watches learns what takes so long. */
const STILL_EACH_MS = 5_000;

/**
 * The end, in ms from its beginning, whatever is dead: the traffic stops, the queues empty, the host waits for its jobs
 * and closes the app (five seconds), then what is left is looked at and the servers end. Their guardian kills what is
 * left after that.
 */
const END = {
  traffic: 1_000,
  queues: 3_000,
  hostDrainSeconds: 3,
  host: 11_500,
  look: 12_500,
  servers: 14_000,
} as const;
const LOOK_MS = 100;

/** Redis, storage, a database, the functions host on the built app and the sample web app, as one. */
export class LocalStack {
  readonly #options: StackOptions;
  /** The services of one's own, with the setting that names each. */
  readonly #own: ReadonlyMap<ServiceName, string>;
  readonly #clients: Client[] = [];
  #services: Services | undefined;
  #host: FunctionsHost | undefined;
  #web: WebServer | undefined;
  #stopping = false;

  constructor(options: StackOptions) {
    this.#options = options;
    this.#own = new Map(
      SERVICES.flatMap((service) => {
        const setting = ownSetting(options.environment, service);
        return setting ? [[service, setting] as const] : [];
      }),
    );
  }

  /** Rejects with one line for each thing that is wrong. Never settles once a stop has begun. */
  async start(): Promise<RunningStack> {
    const { environment, more, mode, sentinel, keys, console } = this.#options;
    const pending = new Set<string>();
    const still = setInterval(() => {
      if (pending.size > 0) console.say(`still waiting for: ${[...pending].join(', ')}`);
    }, STILL_EACH_MS);
    const during = async <T>(what: string, work: Promise<T>): Promise<T> => {
      pending.add(what);
      try {
        return await work;
      } finally {
        pending.delete(what);
        if (this.#stopping) await new Promise(() => {});
      }
    };
    try {
      // What is wrong with the settings or with one's own servers is said before anything is started.
      readSettings(stackEnvironment(environment, more ?? {}, mode));
      await findFunc(environment);
      const ownRedis = this.#own.get('Redis');
      if (sentinel && ownRedis) throw new Error(`--sentinel starts a Redis of its own: leave ${ownRedis} unset`);
      if (this.#own.size > 0) {
        console.say(
          `looking for ${[...this.#own].map(([service, setting]) => `your ${service} (${setting})`).join(', ')}`,
        );
        // A client wants some Redis to be named. It connects only to what it is asked about.
        const visitor = this.#open({
          ...(this.#own.has('Redis') ? {} : { REDIS_URL: 'redis://127.0.0.1:1' }),
          ...more,
        });
        await this.#reach(this.#own, visitor, during);
        await within(1_000, visitor.close());
      }
      const started = SERVICES.filter((service) => !this.#own.has(service));
      console.say(`starting ${started.map((service) => `${service}, `).join('')}the app`);
      const services = await startServices(environment, { sentinel, during });
      this.#services = services;
      const client = this.#open({ ...services.env, ...more });
      await this.#reach(new Map(started.map((service) => [service, undefined])), client, during);
      await during('the tables in the database', client.migrate());
      const webClient = this.#open({ ...services.webEnv, ...more });
      const web = { cache: webClient.cache, sessions: sampleSessions(webClient.redis) };
      [this.#host, this.#web] = await Promise.all([
        during(
          'the functions host',
          startFunctionsHost({
            env: stackEnvironment(environment, { ...services.env, ...more }, mode),
            onLine: console.hostLine,
            drainSeconds: END.hostDrainSeconds,
            ...(keys && { keys }),
          }),
        ),
        during('the web app', startWebServer(web)),
      ]);
      const host = this.#host;
      const lines = [
        ...services.lines,
        `functions host (${host.kind}): ${host.address}`,
        `web app: ${this.#web.address}`,
        `dashboard: ${host.address}/api/dashboard`,
      ];
      return { client, webClient, host, web: this.#web, settings: services.env, lines };
    } finally {
      clearInterval(still);
    }
  }

  /** Ends all of it, in order; answers in one line what is left where. Never rejects. */
  async stop(stopTraffic: () => Promise<unknown> = async () => {}): Promise<string> {
    this.#stopping = true;
    const { console } = this.#options;
    const began = performance.now();
    const end = async <T>(at: number, work: Promise<T> | undefined): Promise<T | undefined> => {
      if (work === undefined) return undefined;
      try {
        return await within(began + at - performance.now(), work);
      } catch (thrown: unknown) {
        console.say(`! while stopping: ${coerceError(thrown).message}`);
        return undefined;
      }
    };
    const host = this.#host?.process;
    if (!this.#services) return 'stopped before anything had started: nothing is left';

    await end(END.traffic, stopTraffic());
    await end(END.queues, this.#untilQueuesAreEmpty(began + END.queues));
    const [code] = await Promise.all([
      host?.stop(began + END.host - performance.now()),
      end(END.host, this.#web?.stop()),
    ]);
    if (code === null)
      console.say('! the functions host did not end by itself and was killed: jobs under way are repeated');
    const [client] = this.#clients;
    const [waiting] = await Promise.all([
      host && client ? queueLengths(client, END.look - END.host) : new Map(),
      end(END.look, Promise.all(this.#clients.map((one) => one.close()))),
    ]);
    await end(END.servers, this.#services.stop());
    return leftBehind({ own: this.#own, waiting });
  }

  /** What was accepted is worked on now: at the next start it would be gone, if storage is in memory. */
  async #untilQueuesAreEmpty(end: number): Promise<void> {
    const [client] = this.#clients;
    for (let left = 1; client && this.#host?.process.running && left > 0 && performance.now() < end; ) {
      const lengths = await queueLengths(client, END.queues);
      left = [...(lengths?.values() ?? [])].reduce((sum, length) => sum + length, 0);
      if (left > 0) await sleep(LOOK_MS);
    }
  }

  #open(services: Readonly<Record<string, string>>): Client {
    const { environment, mode, console } = this.#options;
    const client = createClient({
      entities: createEntities,
      settings: readSettings(stackEnvironment(environment, services, mode)),
      // Until the host runs, what fails is said in one line each by `#reach`.
      logger: consoleLogger(console.say, () => this.#host === undefined || this.#stopping),
    });
    this.#clients.unshift(client);
    return client;
  }

  async #reach(
    services: ReadonlyMap<ServiceName, string | undefined>,
    client: Client,
    during: <T>(what: string, work: Promise<T>) => Promise<T>,
  ): Promise<void> {
    const what = [...services].map(([service, setting]) => (setting ? `${service} (${setting})` : service)).join(', ');
    const faults = await during(`an answer from ${what}`, unreachable(client, services));
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }
}
