import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** An authority and a certificate by it that carries exactly `names`; in a folder with ca.pem, cert.pem, key.pem. */
export async function certificateFor(names: readonly string[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'steward-tls-'));
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => run('openssl', args);
  await openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90'],
    ...['-subj', '/CN=cache-steward test authority', '-keyout', at('ca.key'), '-out', at('ca.pem')],
  );
  await openssl(
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', `/CN=${names[0]}`, '-keyout', at('key.pem'), '-out', at('csr.pem')],
  );
  await writeFile(at('names'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
  await openssl(
    ...['x509', '-req', '-days', '90', '-in', at('csr.pem'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
    ...['-CAcreateserial', '-extfile', at('names'), '-out', at('cert.pem')],
  );
  await chmod(at('key.pem'), 0o600);
  return dir;
}
