import { join } from 'node:path';
import { initAuthority } from '../../deploy/hub/authority/authority.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** PEM: an authority, and a certificate of it with its key. */
export interface SomeCertificate {
  ca: string;
  cert: string;
  key: string;
}

/** One certificate for each of `names`, at loopback, of one authority made for them. */
export async function certificatesFor(...names: string[]): Promise<SomeCertificate[]> {
  using folder = temporaryFolder();
  const authority = await initAuthority(join(folder.path, 'ca'), {
    name: 'Comune',
    passphrase: undefined,
    utc: () => Date.now(),
  });
  const made: SomeCertificate[] = [];
  for (const name of names) {
    const { certificate, key } = await authority.issueWithKey(name, ['127.0.0.1']);
    made.push({ ca: authority.certificate, cert: certificate, key });
  }
  return made;
}

export async function someCertificate(): Promise<SomeCertificate> {
  const [one] = await certificatesFor('site-09');
  return one as SomeCertificate;
}
