import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './real-parts.ts';

export const opensslProgram = findProgram('openssl');

export interface Issued {
  /** Paths of PEM files. */
  cert: string;
  key: string;
}

/** A certificate authority for one test, run by openssl(1). */
export interface TestAuthority {
  ca: string;
  /** The list of what is revoked, empty at first. */
  crl: string;
  issue(name: string, options?: { expired?: boolean; addresses?: string[] }): Issued;
  revoke(issued: Issued): void;
}

export function testAuthority(folder: string, name = 'Peio test authority'): TestAuthority {
  mkdirSync(folder, { recursive: true });
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const key = (file: string): void => {
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);
  };
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('serial'), '1000\n');
  writeFileSync(at('number'), '01\n');
  writeFileSync(
    at('ca.cnf'),
    `[ca]
default_ca = here
[here]
database = ${at('index.txt')}
serial = ${at('serial')}
crlnumber = ${at('number')}
new_certs_dir = ${folder}
certificate = ${at('ca.crt')}
private_key = ${at('ca.key')}
default_md = sha256
default_days = 30
default_crl_days = 30
unique_subject = no
policy = any
copy_extensions = copy
x509_extensions = leaf
[any]
commonName = optional
[leaf]
basicConstraints = critical,CA:false
extendedKeyUsage = clientAuth,serverAuth
`,
  );
  key(at('ca.key'));
  const self = ['req', '-x509', '-new', '-key', at('ca.key'), '-out', at('ca.crt'), '-days', '30'];
  openssl(...self, '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  const listRevoked = (): void => openssl('ca', '-config', at('ca.cnf'), '-gencrl', '-out', at('ca.crl'));
  listRevoked();
  let count = 0;
  return {
    ca: at('ca.crt'),
    crl: at('ca.crl'),
    issue(subject, options = {}) {
      count += 1;
      const stem = at(`leaf-${count}`);
      key(`${stem}.key`);
      const names = options.addresses?.map((address) => `IP:${address}`).join(',');
      openssl(
        ...['req', '-new', '-key', `${stem}.key`, '-out', `${stem}.csr`, '-utf8'],
        ...['-subj', subject === '' ? '/' : `/CN=${subject.replaceAll(/[\\/+=]/g, '\\$&')}`],
        ...(names === undefined ? [] : ['-addext', `subjectAltName=${names}`]),
      );
      const dates = options.expired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : [];
      openssl(
        ...['ca', '-batch', '-notext', '-utf8', '-config', at('ca.cnf'), ...dates],
        ...['-in', `${stem}.csr`, '-out', `${stem}.crt`],
      );
      return { cert: `${stem}.crt`, key: `${stem}.key` };
    },
    revoke({ cert }) {
      openssl('ca', '-config', at('ca.cnf'), '-revoke', cert);
      listRevoked();
    },
  };
}

export function pemOf(issued: Issued | undefined): { cert?: string; key?: string } {
  return issued === undefined
    ? {}
    : { cert: readFileSync(issued.cert, 'utf8'), key: readFileSync(issued.key, 'utf8') };
}
