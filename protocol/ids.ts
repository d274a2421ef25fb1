import { z } from 'zod';

/** A node (`site-09`, `relay-c`) or camera (`cam-1`): safe as a path element, a topic level and a file name. */
const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
    'lower-case letters, digits and hyphens, 1 to 32 characters',
  );
export const nodeId = name;
export const cameraId = name;

/** A command's id: RFC 9562 version 7, lower case, since it is also a file name and a topic level. */
export const uuidV7 = z.uuidv7().regex(/^[0-9a-f-]+$/, 'a version 7 UUID in lower case');

/** SHA-256 in lower-case hex. */
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hex digits');

/** What identifies a signing key: SHA-256 of its SPKI DER, lower-case hex. A hint; the key is what counts. */
export const keyId = sha256Hex;

/** A native X25519 age recipient; the post-quantum kind begins with `age1pq1`. Checked in full where it is used. */
export const ageRecipient = z
  .string()
  .regex(/^age1(?:pq1)?[02-9ac-hj-np-z]{20,4000}$/, 'an age recipient (age1…)');
