// C2SP CCTV age: every vector through our own opener; armor, which sealed files never use, is taken off first.

import { armor } from 'age-encryption';
import * as vectors from 'cctv-age';
import * as assert from 'uvu/assert';
import { Failure } from '#protocol/failure.ts';
import { openSealed } from '#protocol/seal/seal.ts';
import { type AgeVector, parseAgeVector, sha256 } from '../support/age-vector.ts';
import { suite } from '../support/suite.ts';

const test = suite('age vectors', { timeoutMs: 60_000 });

/** The stage a vector must fail at, or success, in the suite's words where ours can tell them apart. */
async function opened(vector: AgeVector, pieceBytes: number): Promise<{ outcome: string; payload: string }> {
  let file = vector.file;
  if (vector.armored) {
    try {
      file = Buffer.from(armor.decode(file.toString('latin1')));
    } catch {
      return { outcome: 'armor failure', payload: sha256(Buffer.alloc(0)) };
    }
  }
  async function* source() {
    for (let at = 0; at < file.length; at += pieceBytes) yield file.subarray(at, at + pieceBytes);
  }
  const released: Buffer[] = [];
  try {
    const seal = await openSealed(vector, source());
    for await (const chunk of seal.chunks()) released.push(chunk);
    const outcome = seal.end() === 'whole' ? 'success' : 'payload failure';
    return { outcome, payload: sha256(Buffer.concat(released)) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const outcome = error.code === 'seal-no-identity' ? 'no match' : 'header failure';
    return { outcome, payload: sha256(Buffer.alloc(0)) };
  }
}

let count = 0;
for (const [name, bytes] of Object.entries(vectors as unknown as Record<string, Uint8Array>)) {
  const vector = parseAgeVector(name, bytes);
  if (vector === undefined) continue;
  count += 1;
  test(`${name}: ${vector.expect}`, async () => {
    // The file key is known before its header is proved: both failures are one to us.
    const expected = vector.expect === 'HMAC failure' ? 'header failure' : vector.expect;
    const { outcome, payload } = await opened(vector, 10_000);
    assert.is(outcome, expected);
    if (vector.payload !== undefined) assert.is(payload, vector.payload);
    if (vector.expect === 'payload failure')
      assert.is((await opened(vector, 65_552)).payload, vector.payload);
  });
}

test('the suite is the whole one', () => {
  assert.ok(count >= 130, `${count} vectors`);
});
