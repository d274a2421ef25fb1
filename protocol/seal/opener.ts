import { createDecipheriv } from 'node:crypto';
import { Decrypter } from 'age-encryption';
import { Failure } from '../failure.ts';
import {
  chunkNonce,
  cipherName,
  headerLength,
  maxHeaderBytes,
  nonceBytes,
  payloadKey,
  sealedChunkBytes,
  tagBytes,
} from './format.ts';

/** `whole`: the authentic last chunk was read. `torn`: the file ends before it; all that was given is authentic.
 * `tampered`: a chunk is not what was sealed; all that was given before it is authentic. */
export type SealedEnd = 'whole' | 'torn' | 'tampered';

export interface OpenedSeal {
  /** Plaintext, one chunk of at most 64 KiB after the other; each was authenticated before it is given. Read once. */
  chunks(): AsyncGenerator<Buffer, void, undefined>;
  /** How it ended; undefined until `chunks` did. */
  end(): SealedEnd | undefined;
}

/** What may open a file: age identities (`AGE-SECRET-KEY-…`) and passphrases. */
export interface OpeningKeys {
  identities: readonly string[];
  passphrases?: readonly string[];
}

/**
 * Opens a sealed file that may be torn: a power cut leaves whole chunks behind, which stricter readers give up.
 * A cut inside the last chunk cannot be told from a change in it: both are `torn`, and neither gives a byte of it.
 * Throws `invalid`: `identity-malformed`, `seal-header` (no age file, or its header was changed), `seal-no-identity`.
 */
export async function openSealed(keys: OpeningKeys, source: AsyncIterable<Uint8Array>): Promise<OpenedSeal> {
  const input = pieces(source);
  const header = await input.header();
  const fileKey = await unwrap(keys, header);
  const nonce = await input.take(nonceBytes);
  if (nonce.length < nonceBytes) throw new Failure('invalid', 'seal-header', 'the file ends in its header');
  const key = payloadKey(fileKey, nonce);
  let end: SealedEnd | undefined;
  return {
    end: () => end,
    async *chunks() {
      for (let counter = 0; ; counter++) {
        const sealed = await input.take(sealedChunkBytes);
        const last = await input.ended();
        const full = sealed.length === sealedChunkBytes;
        const inner = full ? openChunk(key, chunkNonce(counter, false), sealed) : undefined;
        if (inner !== undefined) yield inner;
        if (inner !== undefined && !last) continue;
        if (inner !== undefined) end = 'torn';
        if (end !== undefined) return;
        const final = openChunk(key, chunkNonce(counter, true), sealed);
        if (final !== undefined && (final.length > 0 || counter === 0)) {
          yield final;
          end = last ? 'whole' : 'tampered'; // What follows a last chunk was put there by somebody else.
        } else end = full || final !== undefined ? 'tampered' : 'torn';
        return;
      }
    },
  };
}

async function unwrap(keys: OpeningKeys, header: Buffer): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  try {
    for (const identity of keys.identities) decrypter.addIdentity(identity);
  } catch (cause) {
    throw new Failure('invalid', 'identity-malformed', 'not an age identity', { cause });
  }
  for (const passphrase of keys.passphrases ?? []) decrypter.addPassphrase(passphrase);
  let unmatched = false;
  // Identities are asked in turn, so this one is reached when no other fits.
  decrypter.addIdentity({
    unwrapFileKey() {
      unmatched = true;
      return null;
    },
  });
  try {
    return await decrypter.decryptHeader(header);
  } catch (cause) {
    if (unmatched)
      throw new Failure('invalid', 'seal-no-identity', 'sealed to none of the identities', { cause });
    throw new Failure('invalid', 'seal-header', 'not an age file, or its header was changed', { cause });
  }
}

/** Undefined when the tag does not fit. */
function openChunk(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < tagBytes) return undefined;
  const decipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  const plain = decipher.update(sealed.subarray(0, -tagBytes));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    decipher.final();
    return plain;
  } catch {
    plain.fill(0); // OpenSSL's only complaint here is the tag: these bytes are nobody's.
    return undefined;
  }
}

/** Cuts a stream into pieces of the sizes asked for. */
function pieces(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]();
  let have: Uint8Array[] = [];
  let haveBytes = 0;
  let done = false;
  const fill = async (want: number): Promise<void> => {
    while (!done && haveBytes < want) {
      const next = await iterator.next();
      if (next.done) done = true;
      else if (next.value.length > 0) {
        have.push(next.value);
        haveBytes += next.value.length;
      }
    }
  };
  const join = (): Buffer => {
    const all =
      have.length === 1 ? Buffer.from(have[0]!.buffer, have[0]!.byteOffset, haveBytes) : Buffer.concat(have);
    have = [all];
    return all;
  };
  const take = async (size: number): Promise<Buffer> => {
    await fill(size);
    const all = join();
    const taken = all.subarray(0, size);
    have = [all.subarray(taken.length)];
    haveBytes -= taken.length;
    return taken;
  };
  return {
    take,
    async ended() {
      await fill(1);
      return haveBytes === 0;
    },
    async header(): Promise<Buffer> {
      for (let want = 4096; ; want *= 2) {
        await fill(want);
        const length = headerLength(join());
        if (length !== undefined && length <= maxHeaderBytes) return await take(length);
        if (length !== undefined || done || want > maxHeaderBytes)
          throw new Failure('invalid', 'seal-header', 'not an age file');
      }
    },
  };
}
