import { hkdfSync } from 'node:crypto';

/** Sizes and keys of the age v1 format: https://c2sp.org/age, sections "Header" and "Payload". */

/** Plaintext of every chunk but the last. */
export const chunkBytes = 64 * 1024;
/** Poly1305 tag behind every chunk. */
export const tagBytes = 16;
export const sealedChunkBytes = chunkBytes + tagBytes;
/** Random bytes between header and payload; the payload key is derived from them and the file key. */
export const nonceBytes = 16;
/** Largest header believed: ten post-quantum recipients take 17 kB. */
export const maxHeaderBytes = 64 * 1024;

export const cipherName = 'chacha20-poly1305';

/** The key of the payload, from the header's file key and the nonce behind the header. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** STREAM nonce of one chunk: eleven bytes of big-endian counter, one byte that is 1 for the last. */
export function chunkNonce(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6); // 48 bits: 16 EiB of payload.
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/**
 * Length of the header, its MAC line included, at the start of `bytes`; undefined while that line is not complete.
 * A line of a stanza's body is base64 and cannot begin with a dash, so the first that does is the MAC's.
 */
export function headerLength(bytes: Buffer): number | undefined {
  for (let at = 0; ; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) return undefined;
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return end + 1;
    at = end + 1;
  }
}

/**
 * How much of a file of `size` bytes, whose header takes `header` bytes, ends on a whole chunk; undefined when there
 * is none. Needs no key: this is what a crash leaves that can still be opened.
 */
export function wholeChunksLength(header: number, size: number): number | undefined {
  const chunks = Math.floor((size - header - nonceBytes) / sealedChunkBytes);
  return chunks < 1 ? undefined : header + nonceBytes + chunks * sealedChunkBytes;
}
