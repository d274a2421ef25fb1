import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import { openSealed, openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { suite } from '../support/suite.ts';

const test = suite('seal recipients');

const x25519 = async () => identityToRecipient(await generateX25519Identity());
const hybrid = async () => identityToRecipient(await generateHybridIdentity());

function codeOf(list: string[]): string {
  try {
    parseRecipients(list);
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.code : 'bug';
  }
}

test('one recipient is too few, and one named twice is one', async () => {
  const one = await x25519();
  assert.is(codeOf([]), 'recipients-too-few');
  assert.is(codeOf([one]), 'recipients-too-few');
  assert.is(codeOf([one, one]), 'recipients-too-few');
  assert.is(codeOf([one, await x25519()]), 'accepted');
});

test('post-quantum and X25519 do not mix', async () => {
  assert.is(codeOf([await hybrid(), await x25519()]), 'recipients-mixed');
  assert.is(codeOf([await hybrid(), await hybrid()]), 'accepted');
});

test('a malformed one is refused, an identity above all', async () => {
  const good = await x25519();
  const mistyped = good.slice(0, -1) + (good.endsWith('q') ? 'p' : 'q');
  assert.is(codeOf([good, mistyped]), 'recipient-malformed');
  assert.is(codeOf([good, await generateX25519Identity()]), 'recipient-malformed');
  assert.is(codeOf([good, 'age1']), 'recipient-malformed');
});

test('post-quantum recipients seal and open', async () => {
  const identity = await generateHybridIdentity();
  const recipients = parseRecipients([await identityToRecipient(identity), await hybrid()]);
  const prepared = await prepareSeal(recipients, systemRandom);
  const head = prepared.head;
  const sealer = openSealer(prepared);
  const parts = [head, ...sealer.update(Buffer.from('picture')), ...sealer.final()];
  const seal = await openSealed(
    { identities: [identity] },
    (async function* () {
      yield* parts;
    })(),
  );
  let text = '';
  for await (const chunk of seal.chunks()) text += chunk.toString();
  assert.is(text, 'picture');
  assert.is(seal.end(), 'whole');
});

test('a prepared seal serves one file, and a closed one takes nothing', async () => {
  const prepared = await prepareSeal(parseRecipients([await x25519(), await x25519()]), systemRandom);
  const sealer = openSealer(prepared);
  assert.throws(() => openSealer(prepared));
  sealer.final();
  assert.throws(() => sealer.update(Buffer.alloc(1)));
  assert.throws(() => sealer.final());
});

test('two preparations share neither header nor nonce', async () => {
  const recipients = parseRecipients([await x25519(), await x25519()]);
  const [first, second] = [
    await prepareSeal(recipients, systemRandom),
    await prepareSeal(recipients, systemRandom),
  ];
  assert.not.ok(first.head.equals(second.head));
  assert.not.ok(first.head.subarray(-16).equals(second.head.subarray(-16)));
  assert.not.ok(first.key.equals(second.key));
});
