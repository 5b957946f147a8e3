import { createHmac } from 'node:crypto';
import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type Clock, SECOND } from '../../clock';
import { StewardError } from '../../errors';
import { bodyOf, type GroupMessage } from './alert-message';
import { isPrivateAddress } from './private-address';

/** Somebody who is told of alerts. */
export interface Receiver {
  /** Short, bounded and stable: what was told is remembered under it. */
  readonly name: string;
  /** Resolves once the message was accepted; throws otherwise. May be called twice with the same `deliveryId`. */
  deliver(message: GroupMessage): Promise<void>;
}

/** The webhook did not accept the message. It is tried again at a later tick. */
export class WebhookError extends StewardError {
  readonly code = 'E_ALERT_WEBHOOK';
}

/** The webhook is at an address that only this app's network can reach, and that is not allowed. */
export class PrivateAddressError extends StewardError {
  readonly code = 'E_ALERT_PRIVATE_ADDRESS';
  constructor() {
    super(
      'Expected the webhook at a public address, got a private, loopback or link-local one; ' +
        'set ALERT_WEBHOOK_ALLOW_PRIVATE=true if it is meant to be there',
    );
  }
}

export interface WebhookOptions {
  /** http or https. Never logged: it may hold the channel's secret. */
  readonly url: string;
  readonly format: 'json' | 'slack' | 'teams';
  /** Signs the post where it is given. */
  readonly secret?: string | undefined;
  /** Default: false. */
  readonly allowPrivate?: boolean;
  readonly clock: Clock;
  /** How long a post may take as a whole, in ms. Default: 10000. */
  readonly timeoutMs?: number;
}

/**
 * Posts messages. The signature is `X-Steward-Signature: t=<seconds>,v1=<hex>`, an HMAC-SHA256 of `<seconds>.<body>`.
 * Redirects are not followed: they could lead to where the address check did not look.
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

/** The address that is checked is the one that is connected to: a name that resolves differently later gains nothing. */
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
