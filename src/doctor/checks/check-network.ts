import { lookup } from 'node:dns/promises';
import { connect as connectPlain, isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import { coerceError } from '../../errors';
import type { Address, Target } from '../../redis/connection/target';
import { type Finding, fault, ok, warning } from '../finding';

const TIMEOUT_MS = 3_000;
const DAY_MS = 86_400_000;
/** A certificate this close to its end should have been renewed already. */
const FEW_DAYS = 14;

/** Name, port and certificate of every address that connecting begins with. */
export async function checkNetwork(target: Target): Promise<Finding[]> {
  const findings = await Promise.all(target.seeds.map((address) => checkAddress(address, target)));
  return findings.flat();
}

async function checkAddress(address: Address, target: Target): Promise<Finding[]> {
  const where = `${address.host}:${address.port}`;
  const found = await checkName(address.host);
  if (found.state === 'error') return [found];
  const reached = await checkPort(address, where);
  if (reached.state === 'error' || target.tls === undefined) return [found, reached];
  return [found, reached, await checkTls(address, where, target.tls)];
}

async function checkName(host: string): Promise<Finding> {
  try {
    const addresses = await lookup(host, { all: true });
    const detail = `${host} is ${addresses.map(({ address }) => address).join(', ')}`;
    const isPublic = /\.(redis\.cache\.windows\.net|redis\.azure\.net)$/.test(host);
    const isPrivate = addresses.some(({ address }) => /^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.)/.test(address));
    if (isPublic && !isPrivate) {
      const advice =
        'Behind a private endpoint, link its private DNS zone to this network; else all traffic leaves it.';
      return warning('redis.name', `${detail}, a public address`, advice);
    }
    return ok('redis.name', detail);
  } catch (error) {
    const advice = 'Check the host in REDIS_URL, and that the private DNS zone is linked to this network.';
    return fault('redis.name', `${host} has no address: ${coerceError(error).message}`, advice);
  }
}

const checkPort = ({ host, port }: Address, where: string): Promise<Finding> =>
  new Promise((resolve) => {
    const began = performance.now();
    const socket = connectPlain({ host, port, timeout: TIMEOUT_MS });
    const unreachable = (why: string) => {
      socket.destroy();
      const advice =
        'Check the port (Managed Redis 10000, Premium 6380, others 6379), the network security group, and that the function app is integrated into the network.';
      resolve(fault('redis.network', `${where} can't be reached: ${why}`, advice));
    };
    socket.once('timeout', () => unreachable(`no answer within ${TIMEOUT_MS} ms`));
    socket.once('error', (error) => unreachable(error.message));
    socket.once('connect', () => {
      socket.destroy();
      resolve(ok('redis.network', `${where} answers within ${Math.ceil(performance.now() - began)} ms`));
    });
  });

const checkTls = ({ host, port }: Address, where: string, tls: NonNullable<Target['tls']>): Promise<Finding> =>
  new Promise((resolve) => {
    const name = tls.servername ?? host;
    const socket = connectTls({
      host,
      port,
      ...tls,
      ...(isIP(name) === 0 && { servername: name }),
      rejectUnauthorized: false, // so that a bad certificate can be described
      timeout: TIMEOUT_MS,
    });
    const end = (finding: Finding) => {
      socket.destroy();
      resolve(finding);
    };
    const advice = 'Connect to a TLS port, and set REDIS_TLS_CA_FILE if the authority is your own.';
    socket.once('timeout', () => end(fault('redis.tls', `${where} says nothing in TLS`, advice)));
    socket.once('error', (error) => end(fault('redis.tls', `${where} speaks no TLS: ${error.message}`, advice)));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      const wrongName = checkServerIdentity(name, certificate);
      const days = Math.floor((Date.parse(certificate.valid_to) - Date.now()) / DAY_MS);
      const detail = `${where} speaks ${socket.getProtocol()}, certificate by ${certificate.issuer?.CN ?? 'nobody'} for ${days} more days`;
      const unverified = socket.authorizationError as Error | string | undefined;
      if (unverified && !socket.authorized && !wrongName) {
        end(fault('redis.tls', `${where}: ${coerceError(unverified).message}`, advice));
      } else if (wrongName) {
        const rename = 'Put the name that the certificate carries into REDIS_URL.';
        end(fault('redis.tls', `${where}: ${wrongName.message}`, rename));
      } else if (days < FEW_DAYS) end(warning('redis.tls', detail, 'Renew the certificate.'));
      else end(ok('redis.tls', detail));
    });
  });
