import { readFileSync } from 'node:fs';
import { armor, Decrypter, identityToRecipient } from 'age-encryption';
import { codeOf, Failure } from '#protocol/failure.ts';

const maxBytes = 64 * 1024;

/** An age identity with the recipient it opens for. */
export interface Identity {
  secret: string;
  recipient: string;
}

/**
 * Reads an identity file as age does: lines with `AGE-SECRET-KEY-…` and comments, or such a file encrypted with a
 * passphrase, armoured or not. Throws `identity-missing`, `identity-locked` (wrong passphrase), `identity-malformed`.
 */
export async function readIdentity(file: string, passphrase: () => Promise<string>): Promise<Identity> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new Failure(
      'config',
      'identity-missing',
      `${file} cannot be read (${codeOf(cause)}): name the identity with --identity`,
      { cause },
    );
  }
  const malformed = (cause?: unknown): never => {
    throw new Failure('config', 'identity-malformed', `${file} is no age identity`, { cause });
  };
  if (bytes.length > maxBytes) malformed();
  let text = bytes.toString('latin1');
  const armoured = text.startsWith('-----BEGIN AGE ENCRYPTED FILE-----');
  if (armoured || text.startsWith('age-encryption.org/v1')) {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(await passphrase());
    try {
      text = await decrypter.decrypt(armoured ? armor.decode(text) : bytes, 'text');
    } catch (cause) {
      throw new Failure('denied', 'identity-locked', `the passphrase does not open ${file}`, { cause });
    }
  }
  const secret = text.split(/\r?\n/).find((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (secret === undefined) return malformed();
  try {
    return { secret, recipient: await identityToRecipient(secret) };
  } catch (cause) {
    return malformed(cause);
  }
}
