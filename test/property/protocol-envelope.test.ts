import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { authorise, parseCommand, verifyCommand } from '#protocol/command.ts';
import { pae, parseEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('envelope properties', { timeoutMs: 120_000 });
const world = signedWorld();
const here = { node: 'site-09', policy: world.policy, nowUtc: Date.UTC(2026, 0, 15, 12), clockTrusted: true };

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Bytes in use once everything that is garbage is gone. */
function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** What a message would do here, or undefined when it is refused. Anything but a named failure is a bug. */
function ordered(message: Uint8Array): string | undefined {
  try {
    const { command } = authorise(verifyCommand(message, world.policy), here);
    return JSON.stringify(command);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return undefined;
  }
}

/** Changes as an attacker makes them who sees good messages and holds no key. */
const mutation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), count: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      at: fc.nat(),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      from: fc.nat(),
      count: fc.nat(60),
      to: fc.nat(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('payload' as const), at: fc.nat(), byte: fc.nat(255) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('signature' as const),
      which: fc.nat(1),
      at: fc.nat(),
      byte: fc.nat(255),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('swap' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), which: fc.nat(1) }) },
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

interface Parsed {
  payloadType: string;
  payload: string;
  signatures: { keyid?: string; sig: string }[];
}

function mutated(message: Buffer, other: Parsed, change: Mutation): Buffer {
  const at = 'at' in change ? change.at % message.length : 0;
  switch (change.kind) {
    case 'flip': {
      const bytes = Buffer.from(message);
      bytes[at] = bytes[at]! ^ (1 << change.bit);
      return bytes;
    }
    case 'cut':
      return Buffer.concat([message.subarray(0, at), message.subarray(at + change.count)]);
    case 'insert':
      return Buffer.concat([message.subarray(0, at), change.bytes, message.subarray(at)]);
    case 'copy': {
      const from = change.from % message.length;
      const bytes = Buffer.from(message);
      message.copy(bytes, change.to % message.length, from, from + change.count);
      return bytes;
    }
    case 'payload':
    case 'signature': {
      const parsed = JSON.parse(message.toString()) as Parsed;
      const signature = parsed.signatures[change.kind === 'signature' ? change.which : 0]!;
      const bytes = Buffer.from(change.kind === 'payload' ? parsed.payload : signature.sig, 'base64');
      bytes[change.at % bytes.length] = change.byte;
      if (change.kind === 'payload') parsed.payload = bytes.toString('base64');
      else signature.sig = bytes.toString('base64');
      return Buffer.from(JSON.stringify(parsed));
    }
    case 'swap':
      return Buffer.from(JSON.stringify({ ...JSON.parse(message.toString()), signatures: other.signatures }));
    case 'drop': {
      const parsed = JSON.parse(message.toString()) as Parsed;
      parsed.signatures.splice(change.which, 1);
      return Buffer.from(JSON.stringify(parsed));
    }
  }
}

test('100,000 changed envelopes: none orders anything but what was signed; memory stays flat', () => {
  const good = world.sign(world.extract());
  const other = JSON.parse(world.sign(world.extract()).toString()) as Parsed;
  const said = ordered(good);
  assert.ok(said);
  let same = 0;
  let refused = 0;
  let heapAtStart = 0;
  fc.assert(
    fc.property(mutation, (change) => {
      const message = mutated(good, other, change);
      const now = ordered(message);
      if (now === undefined) refused += 1;
      else {
        // What is not signed may change: white space, the hint of a key. What is ordered, and by whom, may not.
        assert.is(now, said);
        same += 1;
      }
      if (refused === 5000 && heapAtStart === 0) heapAtStart = heapBytes();
    }),
    { numRuns: 100_000 },
  );
  assert.ok(refused > 90_000, `${refused} refused, ${same} the same`);
  const grownBytes = heapBytes() - heapAtStart;
  assert.ok(grownBytes < 8 * 1024 * 1024, `${grownBytes} bytes more`);
});

test('any bytes at all are refused by name, quickly', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 2000 }),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        assert.is(ordered(bytes), undefined);
      },
    ),
    { numRuns: 5000 },
  );
});

test('any signed JSON that is no command is refused by name', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.is(ordered(world.sign(value)), undefined);
    }),
    { numRuns: 1000 },
  );
});

test('every well-formed window parses to itself, every field too many or too few is refused', () => {
  const fields = Object.keys(world.extract());
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 1, max: 1e9 }),
      fc.constantFrom(...fields),
      fc.string({ minLength: 1, maxLength: 10 }),
      (from, length, missing, extra) => {
        const text = (ms: number): string => new Date(ms).toISOString();
        const payload = world.extract({ from: text(from), to: text(from + length) });
        const parsed = parseCommand(Buffer.from(JSON.stringify(payload)));
        if (parsed.type !== 'extract') throw new Error('not an extraction');
        assert.equal([parsed.from, parsed.to], [from, from + length]);
        const refuses = (value: unknown): boolean => {
          try {
            parseCommand(Buffer.from(JSON.stringify(value)));
            return false;
          } catch (error) {
            return error instanceof Failure && error.code === 'malformed';
          }
        };
        assert.ok(refuses(Object.fromEntries(Object.entries(payload).filter(([name]) => name !== missing))));
        if (!fields.includes(extra)) assert.ok(refuses({ ...payload, [extra]: 1 }));
      },
    ),
    { numRuns: 500 },
  );
});

test('the encoding that is signed is injective, and an envelope gives back the bytes it was given', () => {
  const type = fc.string({ maxLength: 30 });
  const body = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(type, body, type, body, (typeA, bodyA, typeB, bodyB) => {
      const same = typeA === typeB && Buffer.from(bodyA).equals(bodyB);
      assert.is(pae(typeA, bodyA).equals(pae(typeB, bodyB)), same);
    }),
  );
  fc.assert(
    fc.property(body, (payload) => {
      const text = JSON.stringify({
        payloadType: 'x',
        payload: Buffer.from(payload).toString('base64'),
        signatures: [{ sig: 'AAAA' }],
      });
      assert.ok(parseEnvelope(Buffer.from(text), 4096).payload.equals(payload));
    }),
  );
});
