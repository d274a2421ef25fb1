import * as assert from 'uvu/assert';
import { encodeReflected, encodeSender, parseReflected, parseSender } from '#agent/link/stamp-packet.ts';
import { suite } from '../support/suite.ts';
import { vector } from '../support/vector.ts';

const test = suite('STAMP vectors');
const { sender, reflected } = vector('stamp');
/** Date.parse drops what is below a millisecond. */
const utc = (text: string): number => {
  const [, whole, part] = /^(.*\.)(\d+)Z$/.exec(text) as unknown as [string, string, string];
  return Date.parse(`${whole}000Z`) + Number(`0.${part}`) * 1000;
};
const near = Date.UTC(2026, 5, 1);

for (const { name, hex, sequence, sentAt, ...error } of sender) {
  const packet = { sequence, sentAt: utc(sentAt), error: { ...error, ntp: true } };
  test(`sender: ${name}`, () => {
    assert.is(encodeSender(packet).toString('hex'), hex);
    assert.equal(parseSender(Buffer.from(hex, 'hex'), near), packet);
  });
}

for (const { name, hex, received, ...fields } of reflected) {
  const error = {
    synchronised: fields.synchronised,
    scale: fields.scale,
    multiplier: fields.multiplier,
    ntp: true,
  };
  test(`reflector: ${name}`, () => {
    if (received)
      assert.is(
        encodeReflected(
          Buffer.from(received, 'hex'),
          utc(fields.receivedAt),
          utc(fields.sentAt),
          error,
        ).toString('hex'),
        hex,
      );
    const packet = parseReflected(Buffer.from(hex, 'hex'), near);
    assert.is(packet?.sequence, fields.sequence);
    assert.is(packet?.sentAt, utc(fields.sentAt));
    assert.is(packet?.receivedAt, utc(fields.receivedAt));
    assert.equal(packet?.error, error);
    assert.is(packet?.sender.sequence, fields.senderSequence);
    assert.is(packet?.sender.sentAt, utc(fields.senderSentAt));
  });
}

test('a packet that is short, or whose error estimate is zero, is none', () => {
  const good = Buffer.from(sender[0].hex, 'hex');
  assert.is(parseSender(good.subarray(0, 43), near), undefined);
  assert.is(parseReflected(good.subarray(0, 43), near), undefined);
  const corrupt = Buffer.from(good);
  corrupt[13] = 0;
  assert.is(parseSender(corrupt, near), undefined);
  assert.is(parseReflected(corrupt, near), undefined);
});

test('what follows the base packet comes back as it was, at the same length', () => {
  const long = Buffer.concat([Buffer.from(sender[0].hex, 'hex'), Buffer.from('0102030405', 'hex')]);
  const error = { synchronised: false, ntp: true, scale: 22, multiplier: 1 };
  const answer = encodeReflected(long, near, near, error);
  assert.is(answer.length, long.length);
  assert.is(answer.subarray(44).toString('hex'), '0102030405');
});

test('times are read in the era they belong to, before and after 2036, and in PTP format', () => {
  const error = { synchronised: true, ntp: true, scale: 22, multiplier: 1 };
  for (const at of [Date.UTC(2036, 1, 7, 6, 28, 15), Date.UTC(2036, 1, 7, 6, 28, 17), Date.UTC(2040, 0, 1)])
    assert.is(parseSender(encodeSender({ sequence: 1, sentAt: at, error }), at)?.sentAt, at);
  const ptp = encodeSender({ sequence: 1, sentAt: 0, error: { ...error, ntp: false } });
  ptp.writeUInt32BE(Date.UTC(2026, 0, 15) / 1000, 4);
  ptp.writeUInt32BE(250_000_000, 8);
  assert.is(parseSender(ptp, near)?.sentAt, Date.UTC(2026, 0, 15) + 250);
});
