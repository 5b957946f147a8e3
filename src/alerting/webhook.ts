import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../clock';
import { SECOND } from '../clock';
import { StewardError } from '../errors';
import { publicLookup, refusePrivateHost } from './address';
import type { Receiver } from './receivers';

/** The receiver did not take the message. */
export class WebhookError extends StewardError {
  readonly code = 'E_ALERT_WEBHOOK';
}

export interface WebhookOptions {
  readonly url: string;
  /** Signs each post. Without it they bear no signature. */
  readonly secret?: string | undefined;
  readonly allowPrivate: boolean;
  readonly clock: Clock;
  /** For the whole of a post, in ms. Default: 10,000. */
  readonly timeoutMs?: number;
}

export const SIGNATURE_HEADER = 'x-steward-signature';

/** `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<unix seconds>.<body>`, so that an old post can't be played again. */
export function signature(secret: string, body: string, unixSeconds: number): string {
  const mac = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${mac}`;
}

/** Posts JSON. Anything but a 2xx within the time is a failure; redirects are not followed. */
export function createWebhook(options: WebhookOptions): Receiver {
  const { url, secret, allowPrivate, clock, timeoutMs = 10 * SECOND } = options;
  return {
    name: 'webhook',
    async send(message) {
      const target = new URL(url);
      if (!allowPrivate) refusePrivateHost(target.hostname);
      const body = JSON.stringify(message);
      const signed = secret ? { [SIGNATURE_HEADER]: signature(secret, body, Math.floor(clock.now() / SECOND)) } : {};
      const request = target.protocol === 'http:' ? httpRequest : httpsRequest;
      await new Promise<void>((resolve, reject) => {
        const post = request(target, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...signed },
          signal: AbortSignal.timeout(timeoutMs),
          ...(allowPrivate ? {} : { lookup: publicLookup }),
        });
        post.on('error', reject);
        post.on('response', (response) => {
          response.resume();
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve();
          else reject(new WebhookError(`Expected the receiver to answer 2xx, got ${status}`));
        });
        post.end(body);
      });
    },
  };
}
