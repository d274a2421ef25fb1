import { createCipheriv, createSecretKey } from 'node:crypto';
import { chunkBytes, chunkNonce, cipherName, tagBytes } from './format.ts';
import type { PreparedSeal } from './prepare.ts';

/** Seals one file. Everything is synchronous; the buffers it returns are the caller's, in the order of the file. */
export interface Sealer {
  /** Takes `bytes` in and returns what became certain: up to one chunk of them is copied and held back. */
  update(bytes: Uint8Array): Buffer[];
  /** The held chunk, marked last. Nothing may follow. */
  final(): Buffer[];
}

/**
 * The age payload (STREAM over ChaCha20-Poly1305). One chunk is always held back, so that a payload that ends on the
 * boundary marks its last full chunk: an empty last chunk is not allowed behind another. The head of `prepared` goes
 * into the file first.
 */
export function openSealer(prepared: PreparedSeal): Sealer {
  if (prepared.used) throw new Error('a prepared seal was used twice: two files under one key and nonce');
  prepared.used = true;
  // As a key object: Node makes an error and its stack, and drops both, each time it is given bytes instead.
  const key = createSecretKey(prepared.key);
  prepared.key.fill(0);
  const held = Buffer.allocUnsafeSlow(chunkBytes);
  let heldBytes = 0;
  let counter = 0;
  let ended = false;

  const seal = (out: Buffer[], rest: Uint8Array | undefined, last: boolean): void => {
    const cipher = createCipheriv(cipherName, key, chunkNonce(counter++, last), { authTagLength: tagBytes });
    if (heldBytes > 0) out.push(cipher.update(held.subarray(0, heldBytes)));
    if (rest !== undefined) out.push(cipher.update(rest));
    cipher.final();
    out.push(cipher.getAuthTag());
    heldBytes = 0;
  };

  return {
    update(bytes) {
      if (ended) throw new Error('the seal is closed');
      const out: Buffer[] = [];
      let at = 0;
      while (heldBytes + bytes.length - at > chunkBytes) {
        const end = at + chunkBytes - heldBytes;
        seal(out, end > at ? bytes.subarray(at, end) : undefined, false);
        at = end;
      }
      held.set(bytes.subarray(at), heldBytes);
      heldBytes += bytes.length - at;
      return out;
    },
    final() {
      if (ended) throw new Error('the seal is closed');
      ended = true;
      const out: Buffer[] = [];
      seal(out, undefined, true);
      held.fill(0);
      return out;
    },
  };
}
