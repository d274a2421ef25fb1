import { Encrypter } from 'age-encryption';
import { nonceBytes, payloadKey, tagBytes } from './format.ts';
import type { Recipients } from './recipients.ts';

/** The head of one sealed file, made ahead of time so that a cut never waits. Good for one file. */
export interface PreparedSeal {
  /** Header and nonce: the first bytes of the file. */
  head: Buffer;
  key: Buffer;
  used: boolean;
}

/**
 * Lets the library wrap a new file key to every recipient (X25519 in JavaScript: about a millisecond each), and draws
 * a fresh payload nonce: the one the library drew is spent on the empty body it encrypted.
 */
export async function prepareSeal(
  recipients: Recipients,
  random: { bytes(size: number): Uint8Array },
): Promise<PreparedSeal> {
  const encrypter = new Encrypter();
  let fileKey: Uint8Array | undefined;
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = key.slice();
      return [];
    },
  });
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const empty = await encrypter.encrypt(new Uint8Array());
  if (fileKey === undefined) throw new Error('the library wrapped no file key');
  const nonce = random.bytes(nonceBytes);
  const header = empty.subarray(0, empty.length - nonceBytes - tagBytes);
  const key = payloadKey(fileKey, nonce);
  fileKey.fill(0);
  return { head: Buffer.concat([header, nonce]), key, used: false };
}
