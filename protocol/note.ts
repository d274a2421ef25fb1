import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { Failure } from './failure.ts';
import { type PublicKey, publicKeyOf, rawPublicKey } from './key.ts';

/** C2SP signed-note: a text, a blank line, and lines `— <name> <base64(key hash, signature)>`. */

/** Far above a log head with its signatures. */
const maxNoteBytes = 16 * 1024;
const maxNoteSignatures = 8;

export interface Note {
  /** Ends with a newline; what is signed. */
  text: string;
  signatures: { name: string; keyHash: Buffer; signature: Buffer; line: string }[];
}

/** Signature types of C2SP signed-note: plain Ed25519, and the timestamped cosignature/v1 of tlog-cosignature. */
const ed25519Type = 0x01;
const cosignatureType = 0x04;

function keyHash(name: string, type: number, key: PublicKey): Buffer {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.of(type))
    .update(rawPublicKey(key))
    .digest()
    .subarray(0, 4);
}

function line(name: string, type: number, key: PublicKey, signature: Buffer): string {
  return `— ${name} ${Buffer.concat([keyHash(name, type, key), signature]).toString('base64')}\n`;
}

/** A note with one signature. `text` must end with a newline. */
export function signNote(text: string, name: string, key: KeyObject): string {
  return `${text}\n${line(name, ed25519Type, publicKeyOf(key), sign(null, Buffer.from(text), key))}`;
}

/**
 * Splits without believing. Throws `note-malformed`, also for base64 that is not the one way to write its bytes: then no
 * byte of a note can be changed that nobody notices.
 */
export function parseNote(note: string, maxBytes = maxNoteBytes): Note {
  const malformed = (): never => {
    throw new Failure('invalid', 'note-malformed', 'not a signed note');
  };
  if (Buffer.byteLength(note) > maxBytes) malformed();
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) malformed();
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > maxNoteSignatures) malformed();
  const signatures = lines.map((text) => {
    const match = /^— ([^\s+]{1,200}) ([A-Za-z0-9+/]{8,400}={0,2})$/.exec(text);
    if (!match) return malformed();
    const bytes = Buffer.from(match[2] as string, 'base64');
    if (bytes.toString('base64') !== match[2]) return malformed();
    return {
      name: match[1] as string,
      keyHash: bytes.subarray(0, 4),
      signature: bytes.subarray(4),
      line: `${text}\n`,
    };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/** The text, when `name` signed it with `key`. Throws `note-signature`. */
export function verifyNote(note: Note, name: string, key: PublicKey): string {
  const hash = keyHash(name, ed25519Type, key);
  const good = note.signatures.some(
    (one) =>
      one.name === name &&
      one.keyHash.equals(hash) &&
      verify(null, Buffer.from(note.text), key.key, one.signature),
  );
  if (!good) throw new Failure('invalid', 'note-signature', `no good signature of ${name}`);
  return note.text;
}

function cosigned(text: string, seconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** The signature line of a witness that saw this head at `utcMs` and found it consistent with all it saw before. */
export function cosignatureLine(text: string, name: string, key: KeyObject, utcMs: number): string {
  const seconds = Math.floor(utcMs / 1000);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const signature = Buffer.concat([time, sign(null, cosigned(text, seconds), key)]);
  return line(name, cosignatureType, publicKeyOf(key), signature);
}

/** When `name` cosigned the note, in milliseconds. Throws `note-signature`. */
export function verifyCosignature(note: Note, name: string, key: PublicKey): number {
  const hash = keyHash(name, cosignatureType, key);
  for (const one of note.signatures) {
    if (one.name !== name || !one.keyHash.equals(hash) || one.signature.length !== 72) continue;
    const seconds = Number(one.signature.readBigUInt64BE(0));
    if (seconds > 253_402_300_799) continue; // Beyond the year 9999 a label cannot be written.
    if (verify(null, cosigned(note.text, seconds), key.key, one.signature.subarray(8))) return seconds * 1000;
  }
  throw new Failure('invalid', 'note-signature', `no good cosignature of ${name}`);
}
