import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';

/** A signing key as it goes into files. */
export interface SigningKey {
  key: KeyObject;
  /** PKCS#8 PEM, encrypted when there is a passphrase. */
  privatePem: string;
  publicPem: string;
}

export function makeSigningKey(passphrase: string | undefined): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const protection = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return {
    key: privateKey,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem', ...protection }) as string,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  };
}

export interface OpeningIdentity {
  recipient: string;
  /** What `age -d -i` takes: an armoured passphrase-encrypted file, or the identity itself. */
  file: string;
}

export async function makeIdentity(passphrase: string | undefined): Promise<OpeningIdentity> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const text = `# public key: ${recipient}\n${identity}\n`;
  if (passphrase === undefined) return { recipient, file: text };
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return { recipient, file: armor.encode(await encrypter.encrypt(text)) };
}
