import { createHmac } from 'node:crypto';
import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { type Clock, SECOND } from '../../clock';
import { StewardError } from '../../errors';
import type { StorageClients } from '../../storage/clients';
import { MESSAGE_BYTES, sendText } from '../../storage/queues';
import { bodyOf, type GroupMessage } from './alert-message';

/** A destination of notifications. */
export interface Receiver {
  /** Short, bounded and stable: the notification log uses it as a key. */
  readonly name: string;
  /** Resolves once the message was accepted; throws otherwise. May be called twice with the same `deliveryId`. */
  deliver(message: GroupMessage): Promise<void>;
}

/** The webhook did not accept the message. The notifier tries again at a later tick. */
export class WebhookError extends StewardError {
  readonly code = 'E_ALERT_WEBHOOK';
}

/** The webhook has an address that only this app's network can reach, which ALERT_WEBHOOK_ALLOW_PRIVATE forbids. */
export class PrivateAddressError extends StewardError {
  readonly code = 'E_ALERT_PRIVATE_ADDRESS';
  constructor() {
    super(
      'ALERT_WEBHOOK_URL has a private, loopback or link-local address, so nothing was sent. ' +
        'If that is intended, set ALERT_WEBHOOK_ALLOW_PRIVATE=true.',
    );
  }
}

export interface WebhookOptions {
  /** http or https. Never logged: it may hold the channel's secret. */
  readonly url: string;
  readonly format: 'json' | 'slack' | 'teams';
  /** If given, posts are signed with it. */
  readonly secret?: string | undefined;
  /** Default: false. */
  readonly allowPrivate?: boolean;
  readonly clock: Clock;
  /** How long a post may take as a whole, in ms. Default: 10000. */
  readonly timeoutMs?: number;
}

/**
 * Posts messages. The signature is `X-Steward-Signature: t=<seconds>,v1=<hex>`, an HMAC-SHA256 of `<seconds>.<body>`.
 * Redirects are not followed, because their target would escape the check of the address.
 */
export function createWebhook(options: WebhookOptions): Receiver {
  const { format, secret, allowPrivate = false, clock, timeoutMs = 10 * SECOND } = options;
  return {
    name: 'webhook',
    deliver: (message) => {
      const body = bodyOf(message, format);
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'cache-steward',
        'x-steward-delivery': message.deliveryId,
      };
      if (secret !== undefined) headers['x-steward-signature'] = sign(body, secret, clock.now());
      return post(options.url, body, headers, { allowPrivate, timeoutMs });
    },
  };
}

export function sign(body: string, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / SECOND);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

async function post(
  address: string,
  body: string,
  headers: Record<string, string>,
  { allowPrivate, timeoutMs }: { allowPrivate: boolean; timeoutMs: number },
): Promise<void> {
  if (!URL.canParse(address) || !/^https?:/i.test(address)) {
    throw new WebhookError('Expected ALERT_WEBHOOK_URL to be an http or https URL');
  }
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw new PrivateAddressError();
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const signal = AbortSignal.timeout(timeoutMs);
  const status = await new Promise<number>((resolve, reject) => {
    const guard = allowPrivate ? {} : { lookup: publicLookup };
    const request = send(url, { method: 'POST', headers, signal, agent: false, ...guard }, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(body);
  }).catch((cause: unknown) => {
    if (cause instanceof PrivateAddressError) throw cause;
    const why = signal.aborted ? `did not answer within ${timeoutMs} ms` : 'could not be reached';
    throw new WebhookError(`The webhook ${why}`, { cause });
  });
  if (status < 200 || status > 299) throw new WebhookError(`The webhook answered ${status} instead of 2xx`);
}

/** Checks the very address that is connected to, so that a name cannot resolve differently after the check. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, '', 0);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => isPrivateAddress(address))) {
      return done(new PrivateAddressError(), '', 0);
    }
    return options.all ? done(null, addresses) : done(null, first.address, first.family);
  });
};

const reserved = new BlockList();
const ranges = {
  ipv4: '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3',
  ipv6: '::/96 64:ff9b::/96 fc00::/7 fe80::/10 ff00::/8',
};
for (const family of ['ipv4', 'ipv6'] as const) {
  for (const range of ranges[family].split(' ')) {
    const [network = '', prefix] = range.split('/');
    reserved.addSubnet(network, Number(prefix), family);
  }
}

/** True for an address that is not on the public internet: private, loopback, link-local (the metadata service), multicast. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return isPrivateAddress(mapped);
  const family = isIP(address);
  if (family === 0) return true;
  return reserved.check(address, family === 4 ? 'ipv4' : 'ipv6') || /^::ffff:/i.test(address);
}

/** A storage queue that receives every message, for your own tools. Messages there live for 7 days. */
export const createQueueReceiver = (options: {
  readonly storage: StorageClients;
  readonly queue: string;
}): Receiver => ({ name: 'queue', deliver: (message) => sendText(options.storage, options.queue, fitting(message)) });

/** Lists fewer alerts if the message is too large: the queue would refuse it now and at every retry. */
function fitting(message: GroupMessage): string {
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) <= MESSAGE_BYTES || message.alerts.length === 0) return text;
  return fitting({ ...message, alerts: message.alerts.slice(0, -1), truncatedAlerts: message.truncatedAlerts + 1 });
}
