// The library registers its algorithms with decorators, whose metadata this keeps; it must come first.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509Crl,
  X509CrlGenerator,
  X509CrlReason,
} from '@peculiar/x509';
import { Failure } from '#protocol/failure.ts';

/**
 * Certificates as RFC 5280 profiles them, made with @peculiar/x509: node:crypto reads certificates but makes none, and
 * what openssl(1) would need of configuration files is more than this. Keys and signatures are node:crypto's own.
 */

cryptoProvider.set(webcrypto);

/** P-256: what every TLS library of the last ten years takes, Debian's mosquitto included. */
const curve = { name: 'ECDSA', namedCurve: 'P-256' };
const signing = { name: 'ECDSA', hash: 'SHA-256' };

export interface Validity {
  /** UTC milliseconds. */
  from: number;
  until: number;
}

export interface Issuer {
  /** PEM. */
  certificate: string;
  key: KeyObject;
}

export async function makeTlsKey(): Promise<KeyObject> {
  const { privateKey } = (await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])) as {
    privateKey: webcrypto.CryptoKey;
  };
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
}

/** An authority that signs what connects and nothing else: no authority below it. */
export async function makeAuthority(name: string, serial: string, valid: Validity): Promise<Issuer> {
  const key = await makeTlsKey();
  const made = await X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [name] }],
    issuer: [{ CN: [name] }],
    notBefore: new Date(valid.from),
    notAfter: new Date(valid.until),
    signingAlgorithm: signing,
    publicKey: await publicHalf(key),
    signingKey: await imported(key),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(await publicHalf(key)),
    ],
  });
  return { certificate: pemOf(made.toString('pem')), key };
}

/** A certificate for `subject` over `publicKey`, for both ends of a connection. Addresses are IP numbers or names. */
export async function makeCertificate(
  issuer: Issuer,
  given: { subject: string; publicKey: KeyObject; serial: string; valid: Validity; addresses?: string[] },
): Promise<string> {
  const authority = new X509Certificate(issuer.certificate);
  const publicKey = await importedPublic(given.publicKey);
  const made = await X509CertificateGenerator.create({
    serialNumber: given.serial,
    subject: [{ CN: [given.subject] }],
    issuer: authority.subjectName.toJSON(),
    notBefore: new Date(given.valid.from),
    notAfter: new Date(given.valid.until),
    signingAlgorithm: signing,
    publicKey,
    signingKey: await imported(issuer.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(await publicHalf(issuer.key)),
      ...((given.addresses ?? []).length === 0
        ? []
        : [
            new SubjectAlternativeNameExtension(
              (given.addresses ?? []).map((value) => ({ type: isNumeric(value) ? 'ip' : 'dns', value })),
            ),
          ]),
    ],
  });
  return pemOf(made.toString('pem'));
}

export interface Revoked {
  serial: string;
  /** UTC milliseconds. */
  at: number;
  reason: 'stolen' | 'replaced';
}

/** The list of what no longer counts, RFC 5280 §5: past `until` nobody gets in with any certificate. */
export async function makeRevocationList(
  issuer: Issuer,
  revoked: readonly Revoked[],
  given: { number: number; valid: Validity },
): Promise<string> {
  const made = await X509CrlGenerator.create({
    issuer: new X509Certificate(issuer.certificate).subjectName.toJSON(),
    thisUpdate: new Date(given.valid.from),
    nextUpdate: new Date(given.valid.until),
    signingAlgorithm: signing,
    signingKey: await imported(issuer.key),
    entries: revoked.map(({ serial, at, reason }) => ({
      serialNumber: serial,
      revocationDate: new Date(at),
      reason: reason === 'stolen' ? X509CrlReason.keyCompromise : X509CrlReason.superseded,
    })),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(await publicHalf(issuer.key)),
      // CRL number, §5.2.3: an INTEGER that grows.
      new Extension('2.5.29.20', false, integerDer(given.number)),
    ],
  });
  // The library's label is its own; RFC 7468 §6 has this one.
  return pemOf(made.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----'));
}

/** Until when a list counts, UTC milliseconds; undefined for what is no list. */
export function listedUntil(pem: string): number | undefined {
  try {
    return new X509Crl(pem.replaceAll(' X509 CRL-----', ' CRL-----')).nextUpdate?.getTime();
  } catch {
    return undefined;
  }
}

/**
 * The key of a PKCS#10 request that is signed with that key and names `subject` and nobody else.
 * Throws `invalid` `request-malformed`.
 */
export async function keyOfRequest(pem: string, subject: string): Promise<KeyObject> {
  const refuse = (sentence: string, cause?: unknown): never => {
    throw new Failure('invalid', 'request-malformed', `the certificate request ${sentence}`, { cause });
  };
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(pem);
  } catch (cause) {
    return refuse('cannot be read', cause);
  }
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') refuse('is over no P-256 key');
  if (!(await request.verify())) refuse('is not signed with its own key');
  const names = request.subjectName.toJSON();
  if (names.length !== 1 || JSON.stringify(names[0]) !== JSON.stringify({ CN: [subject] }))
    refuse(`does not name ${subject} alone`);
  return key;
}

async function imported(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, curve, false, ['sign']);
}

async function importedPublic(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'spki', format: 'der' });
  return await webcrypto.subtle.importKey('spki', der, curve, true, ['verify']);
}

function publicHalf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return importedPublic(createPublicKey(key));
}

/** DER of a number below 2^31. */
function integerDer(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array([2, 4, 0, 0, 0, 0]);
  new DataView(bytes.buffer).setInt32(2, value);
  let start = 2;
  // The shortest form: no leading zero byte but the one that keeps the sign.
  while (start < 5 && bytes[start] === 0 && ((bytes[start + 1] as number) & 0x80) === 0) start += 1;
  return new Uint8Array([2, 6 - start, ...bytes.subarray(start)]);
}

function isNumeric(address: string): boolean {
  return /^[\d.]+$/.test(address) || address.includes(':');
}

function pemOf(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
