import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PublicKey, publicKeyOf } from '#protocol/key.ts';

/** A published vector of protocol/vectors, by name. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape of its own file.
export function vector(name: string): any {
  return JSON.parse(
    readFileSync(join(import.meta.dirname, '../../protocol/vectors', `${name}.json`), 'utf8'),
  );
}

/** A key as vectors carry it: base64 of the SPKI DER. */
export function vectorKey(spki: string): PublicKey {
  return publicKeyOf(createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }));
}
