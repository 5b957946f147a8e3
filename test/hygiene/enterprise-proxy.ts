import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Cluster } from 'ioredis';
import { type RunningCluster, signedIn } from '../../local/servers';

/**
 * Redis Enterprise's dialect in front of a real cluster, as Azure Managed Redis' Enterprise policy presents it: one
 * keyspace without redirects, SCAN and DBSIZE over all shards, a script on one of them, INFO with fewer fields and no
 * `run_id`, no CLUSTER commands.
 */
export interface EnterpriseProxy {
  readonly url: string;
  /** How often each command came. */
  readonly seen: ReadonlyMap<string, number>;
  /** The COUNT of each SCAN. */
  readonly counts: readonly number[];
  stop(): Promise<void>;
}

interface ProxyTime {
  /** The way to the server and back. */
  readonly delayMs: number;
  /** What the server works on each command. */
  readonly commandMs: number;
  /** Sees what passes: delays are on a clock of the test's own, so that they are exact on any machine. */
  spend(ms: number): void;
}

const noTime: ProxyTime = { delayMs: 0, commandMs: 0, spend: () => {} };

export async function startEnterpriseProxy(
  backend: RunningCluster,
  { delayMs, commandMs, spend } = noTime,
): Promise<EnterpriseProxy> {
  const cluster = new Cluster(
    backend.nodes.map(({ host, port }) => ({ host, port })),
    signedIn('app'),
  );
  cluster.on('error', () => {});
  await cluster.ping();
  const shards = () => cluster.nodes('master');
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const first = () => shards()[0] ?? Promise.reject(new Error('ERR no shard'));
  const seen = new Map<string, number>();
  const counts: number[] = [];

  async function answer(name: string, args: Buffer[]): Promise<unknown> {
    switch (name) {
      case 'HELLO':
      case 'CLUSTER':
      case 'COMMAND':
      case 'CONFIG':
        throw new Error(`ERR unknown command '${name}'`);
      case 'CLIENT':
      case 'SELECT':
        return 'OK';
      case 'DBSIZE':
        return sum(await Promise.all(shards().map((shard) => shard.dbsize())));
      case 'INFO':
        return enterpriseInfo(await Promise.all(shards().map((shard) => shard.info())));
      case 'SCAN': {
        counts.push(Number(args[args.findIndex((arg) => String(arg) === 'COUNT') + 1]));
        // The shard is a cursor's last digit.
        const at = BigInt(String(args[0]));
        const index = Number(at % 10n);
        const shard = shards()[index];
        if (!shard) throw new Error('ERR invalid cursor');
        const [next, keys] = (await shard.callBuffer('SCAN', `${at / 10n}`, ...args.slice(1))) as [Buffer, Buffer[]];
        if (String(next) !== '0') return [`${next}${index}`, keys];
        return [index + 1 < shards().length ? `${index + 1}` : '0', keys];
      }
      case 'SCRIPT':
        return (await Promise.all(shards().map((shard) => shard.callBuffer(name, ...args))))[0];
      case 'EVAL':
      case 'EVALSHA':
        return String(args[1]) === '0' ? (await first()).callBuffer(name, ...args) : cluster.callBuffer(name, ...args);
      case 'MGET':
        return Promise.all(args.map((key) => cluster.getBuffer(key)));
      case 'PING':
      case 'TIME':
        return (await first()).callBuffer(name, ...args);
      default:
        return cluster.callBuffer(name, ...args);
    }
  }

  const server = createServer((socket) => {
    let left: Buffer = Buffer.alloc(0);
    let last: Promise<unknown> = Promise.resolve();
    let unanswered = 0;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      left = Buffer.concat([left, data]);
      for (let found = takeCommand(left); found; found = takeCommand(left)) {
        left = found.rest;
        const [command, ...args] = found.parts;
        const name = String(command).toUpperCase();
        seen.set(name, (seen.get(name) ?? 0) + 1);
        // What is asked together travels together.
        spend(commandMs + (unanswered === 0 ? delayMs : 0));
        unanswered += 1;
        const encoded = answer(name, args).then(encode, (error: Error) => `-${error.message}\r\n`);
        // Answers leave in the order of their questions.
        last = last.then(async () => {
          const bytes = await encoded;
          unanswered -= 1;
          send(socket, bytes);
        });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket).has(socket));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    counts,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      cluster.disconnect();
    },
  };
}

/** The first whole command of `data`: an array of bulk strings. */
function takeCommand(data: Buffer): { parts: Buffer[]; rest: Buffer } | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = data.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const value = Number(data.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const parts: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = number();
    if (length === undefined || data.length < at + length + 2) return undefined;
    parts.push(data.subarray(at, at + length));
    at += length + 2;
  }
  return { parts, rest: data.subarray(at) };
}

function encode(reply: unknown): string | Buffer {
  if (reply === null || reply === undefined) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (!Array.isArray(reply)) {
    const bytes = Buffer.isBuffer(reply) ? reply : Buffer.from(String(reply));
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
  }
  return Buffer.concat([
    Buffer.from(`*${reply.length}\r\n`),
    ...reply.map((each) => {
      const part = encode(each);
      return Buffer.isBuffer(part) ? part : Buffer.from(part);
    }),
  ]);
}

function send(socket: Socket, bytes: string | Buffer): void {
  if (!socket.destroyed) socket.write(bytes);
}

/** What Enterprise tells of a database: sums over its shards, and nothing of a single server. */
function enterpriseInfo(infos: readonly string[]): string {
  const of = (field: string) =>
    infos.reduce((total, info) => total + Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0), 0);
  const summed = ['used_memory', 'maxmemory', 'expired_keys', 'evicted_keys'];
  return [
    'redis_version:7.4.0',
    'role:master',
    'cluster_enabled:0',
    ...summed.map((field) => `${field}:${of(field)}`),
    '',
  ].join('\r\n');
}
