import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { StewardError } from '../errors';

/** The receiver is at an address that notifications must not reach. */
export class PrivateAddressError extends StewardError {
  readonly code = 'E_ALERT_PRIVATE_ADDRESS';
  constructor() {
    super(
      'Expected the receiver at a public address, got a private, loopback or link-local one; ' +
        'set ALERT_WEBHOOK_ALLOW_PRIVATE=true if it is meant to be there',
    );
  }
}

/** What IANA keeps out of the public internet: RFC 6890, 4193, 4291, 6598. */
const reserved = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  reserved.addSubnet(address, bits, 'ipv4');
}
for (const [address, bits] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  reserved.addSubnet(address, bits, 'ipv6');
}

export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return reserved.check(mapped, 'ipv4');
  return reserved.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Throws where the host of a URL is itself such an address: those are never looked up. */
export function refusePrivateHost(hostname: string): void {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isPrivate(host)) throw new PrivateAddressError();
}

/** Looks a name up and refuses private answers: the very addresses that are connected to, so no second look-up can differ. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    if (addresses.some(({ address }) => isPrivate(address))) return callback(new PrivateAddressError(), '', 0);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? '', first?.family ?? 4);
  });
};
