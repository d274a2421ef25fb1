import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import {
  openSealed,
  openSealer,
  parseRecipients,
  prepareSeal,
  wholeChunksLength,
} from '#protocol/seal/seal.ts';
import { suite } from '../support/suite.ts';

const test = suite('seal round trip', { timeoutMs: 120_000 });

const officer = await generateX25519Identity();
const escrow = await generateX25519Identity();
const recipients = parseRecipients([await identityToRecipient(officer), await identityToRecipient(escrow)]);

/** Lengths that matter: around the boundary of one, two and three chunks, and anything in between. */
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 300_000 }),
  fc.constantFrom(0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 196_608),
);
const steps = fc.array(fc.integer({ min: 1, max: 150_000 }), { minLength: 1, maxLength: 5 });

async function sealed(plain: Buffer, cuts: number[]): Promise<{ file: Buffer; header: number }> {
  const prepared = await prepareSeal(recipients, systemRandom);
  const head = prepared.head;
  const sealer = openSealer(prepared);
  const parts: Buffer[] = [head];
  for (let at = 0, i = 0; at < plain.length; i++) {
    const end = Math.min(plain.length, at + cuts[i % cuts.length]!);
    const piece = Buffer.from(plain.subarray(at, end));
    parts.push(...sealer.update(piece));
    piece.fill(0xee); // The sealer may not look at a buffer again once it returned.
    at = end;
  }
  parts.push(...sealer.final());
  return { file: Buffer.concat(parts), header: head.length - 16 };
}

async function* inPieces(file: Buffer, size: number) {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
}

async function reopened(file: Buffer, identity: string) {
  const seal = await openSealed({ identities: [identity] }, inPieces(file, 50_001));
  const chunks: Buffer[] = [];
  for await (const chunk of seal.chunks()) chunks.push(chunk);
  return { plain: Buffer.concat(chunks), end: seal.end() };
}

test('any length, fed in any pieces, opens with each identity and with the library', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, steps, async (length, cuts) => {
      const plain = systemRandom.bytes(length);
      const { file } = await sealed(plain, cuts);
      for (const identity of [officer, escrow]) {
        const { plain: again, end } = await reopened(file, identity);
        assert.is(end, 'whole');
        assert.ok(again.equals(plain));
      }
      const decrypter = new Decrypter();
      decrypter.addIdentity(escrow);
      assert.ok(Buffer.from(await decrypter.decrypt(file)).equals(plain));
    }),
    { numRuns: 40 },
  );
});

test('a file cut anywhere gives exactly its whole chunks and says it is torn', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.double({ min: 0, max: 1, noNaN: true }), async (length, where) => {
      const plain = systemRandom.bytes(length);
      const { file, header } = await sealed(plain, [100_000]);
      const size = header + 16 + Math.floor(where * (file.length - header - 17));
      const { plain: again, end } = await reopened(file.subarray(0, size), officer);
      assert.is(end, 'torn');
      const whole = wholeChunksLength(header, size);
      assert.is(again.length, whole === undefined ? 0 : ((whole - header - 16) / 65_552) * 65_536);
      assert.ok(again.equals(plain.subarray(0, again.length)));
    }),
    { numRuns: 60 },
  );
});

test('a changed bit never gives other bytes, and never a whole end', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.double({ min: 0, max: 1, noNaN: true }), async (length, where) => {
      const plain = systemRandom.bytes(length);
      const { file, header } = await sealed(plain, [100_000]);
      const at = header + Math.floor(where * (file.length - header - 1));
      file[at] = file[at]! ^ 1;
      const { plain: again, end } = await reopened(file, officer);
      assert.is.not(end, 'whole');
      assert.ok(again.equals(plain.subarray(0, again.length)));
    }),
    { numRuns: 60 },
  );
});
