import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { Authenticator, parseChallenges } from '#agent/platform/authenticator.ts';
import { cpuMs } from '../support/cpu-ms.ts';
import { suite } from '../support/suite.ts';

const test = suite('authentication of RTSP and HTTP');
const mufasa = { user: 'Mufasa', password: 'Circle of Life' };
const cnonce = Buffer.from('0a4f113b0a4f113b', 'hex');
const random = { bytes: () => cnonce, fraction: () => 0 };

/** The parameters of the answer to one challenge. */
function answer(challenge: string | string[], credentials = mufasa, method = 'GET', uri = '/dir/index.html') {
  const auth = new Authenticator(credentials, random);
  assert.is(auth.authorise(method, uri), undefined, 'nothing before a challenge');
  if (!auth.challenged([challenge].flat(), false)) return undefined;
  const value = auth.authorise(method, uri)!;
  return { value, fields: parseChallenges([value])[0]!.parameters };
}

test('computes the digest of RFC 2617 §3.5 and RFC 7616 §3.9.1, with our own cnonce', () => {
  const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
  const challenge = (algorithm: string): string =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
  for (const [algorithm, hash] of [
    ['MD5', 'md5'],
    ['SHA-256', 'sha256'],
    ['SHA-512-256', 'sha512-256'],
  ] as const) {
    const { fields } = answer(challenge(algorithm))!;
    const h = (text: string): string => createHash(hash).update(text).digest('hex');
    const expected = h(
      `${h('Mufasa:http-auth@example.org:Circle of Life')}:${nonce}:00000001:0a4f113b0a4f113b:auth:${h('GET:/dir/index.html')}`,
    );
    assert.is(fields.get('response'), expected);
    assert.is(fields.get('algorithm'), algorithm);
    assert.is(fields.get('opaque'), 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS');
    assert.equal(
      ['qop', 'nc', 'cnonce'].map((name) => fields.get(name)),
      ['auth', '00000001', '0a4f113b0a4f113b'],
    );
  }
});

// The published vectors of RFC 7616 have a cnonce that is no hex; that composition is checked above.
test('computes the known answer of RFC 2069 §2.4, as erratum 749 corrects it', () => {
  const { fields } = answer(
    'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    { user: 'Mufasa', password: 'CircleOfLife' },
  )!;
  assert.is(fields.get('response'), '1949323746fe6a43ef61f9606e7febea');
  assert.is(fields.has('cnonce'), false);
});

test('answers session variants', () => {
  const { fields } = answer('Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"')!;
  const h = (text: string): string => createHash('md5').update(text).digest('hex');
  const secret = h(`${h('Mufasa:r:Circle of Life')}:n:0a4f113b0a4f113b`);
  assert.is(
    fields.get('response'),
    h(`${secret}:n:00000001:0a4f113b0a4f113b:auth:${h('GET:/dir/index.html')}`),
  );
});

test('prefers SHA-256, then MD5, and basic last', () => {
  const basic = 'Basic realm="cam, era"';
  const md5 = 'Digest realm="a, b", nonce="m", stale=FALSE';
  const sha = 'Digest realm="a, b", nonce="s", algorithm="SHA-256"';
  for (const offer of [[basic, md5, sha], [`${basic}, ${md5}, ${sha}`], [`${sha}, ${basic}`, md5]])
    assert.is(answer(offer)!.fields.get('nonce'), 's');
  assert.is(answer([basic, md5])!.fields.get('nonce'), 'm');
  assert.is(answer([basic])!.value, `Basic ${Buffer.from('Mufasa:Circle of Life').toString('base64')}`);
  assert.is(
    answer(['Digest realm="a", nonce="x", algorithm=WHIRLPOOL, Basic realm="a"'])!.value.slice(0, 6),
    'Basic ',
  );
});

test('finds nothing to answer', () => {
  for (const offer of [
    '',
    'Negotiate abc==',
    'Digest realm="a"',
    'Digest nonce="a", qop="auth-int"',
    ',,,="',
  ])
    assert.is(answer(offer), undefined, offer);
});

test('keeps a realm with commas and quotes whole', () => {
  const [challenge] = parseChallenges(['Digest realm="Peio, \\"Cogolo\\", =x", nonce=abc, stale=true']);
  assert.is(challenge!.parameters.get('realm'), 'Peio, "Cogolo", =x');
  assert.is(challenge!.parameters.get('nonce'), 'abc');
  assert.is(challenge!.parameters.get('stale'), 'true');
  const { value, fields } = answer('Digest realm="Peio, \\"Cogolo\\"", nonce="n"')!;
  assert.match(value, 'realm="Peio, \\"Cogolo\\""');
  assert.is(fields.get('realm'), 'Peio, "Cogolo"');
});

test('counts the uses of a nonce', () => {
  const auth = new Authenticator(mufasa, random);
  auth.challenged(['Digest realm="r", nonce="n", qop="auth"'], false);
  const count = (): string | undefined =>
    parseChallenges([auth.authorise('OPTIONS', '*')!])[0]!.parameters.get('nc');
  assert.equal([count(), count(), count()], ['00000001', '00000002', '00000003']);
});

test('asks again when a nonce is stale or was good before, never with what was just refused', () => {
  const auth = new Authenticator(mufasa, random);
  const challenge = (nonce: string, more = ''): string[] => [`Digest realm="r", nonce="${nonce}"${more}`];
  assert.ok(auth.challenged(challenge('1'), false));
  assert.not(auth.challenged(challenge('2'), true), 'a wrong password gets a fresh nonce too');
  assert.ok(auth.challenged(challenge('3', ', stale="true"'), true));
  auth.accepted();
  assert.ok(auth.challenged(challenge('4'), true), 'a camera that does not say stale');
  assert.not(auth.challenged(challenge('5'), true));
});

test('takes a long hostile field in no time', () => {
  const began = cpuMs();
  parseChallenges(['="\\'.repeat(20_000), 'a="'.repeat(20_000), '"'.repeat(60_000), 'Digest '.repeat(9000)]);
  assert.ok(cpuMs() - began < 500);
});
