import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';

/** One file of C2SP's CCTV age suite: a textual header, an empty line, an age file. */
export interface AgeVector {
  name: string;
  expect: string;
  payload: string | undefined;
  identities: string[];
  passphrases: string[];
  armored: boolean;
  file: Buffer;
}

const known = new Set([
  'expect',
  'payload',
  'identity',
  'passphrase',
  'armored',
  'compressed',
  'file key',
  'comment',
]);

/** Undefined for a vector with a key its README does not define: those are to be ignored. */
export function parseAgeVector(name: string, bytes: Uint8Array): AgeVector | undefined {
  const all = Buffer.from(bytes);
  const split = all.indexOf('\n\n');
  const lines = all
    .subarray(0, split)
    .toString()
    .split('\n')
    .map((line) => /^([^:]+): (.*)$/.exec(line)!.slice(1) as [string, string]);
  if (lines.some(([key]) => !known.has(key))) return undefined;
  const values = (key: string): string[] => lines.filter(([name]) => name === key).map(([, value]) => value);
  const body = all.subarray(split + 2);
  return {
    name,
    expect: values('expect')[0]!,
    payload: values('payload')[0],
    identities: values('identity'),
    passphrases: values('passphrase'),
    armored: values('armored')[0] === 'yes',
    file: values('compressed')[0] === 'zlib' ? inflateSync(body) : body,
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
