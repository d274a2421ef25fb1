// Makes protocol/vectors/{commands,policies,log,delivery}.json anew: node test/vectors/protocol-make.ts. Every key comes from a
// seed and Ed25519 signs deterministically, so the same code makes the same files.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cosignCheckpoint, hubName, signCheckpoint } from '#protocol/checkpoint.ts';
import { payloadTypes, sha256, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { inclusionProof, leafHash, merkleRoot } from '#protocol/merkle.ts';
import { signNote } from '#protocol/note.ts';

const now = Date.UTC(2026, 0, 15, 12);
const text = (ms: number): string => new Date(ms).toISOString();
const hour = 3_600_000;

const names = [
  'root',
  'newRoot',
  'operator',
  'officer',
  'farOfficer',
  'revoked',
  'node',
  'otherNode',
  'hub',
  'stranger',
] as const;
type Name = (typeof names)[number];
const seeds = Object.fromEntries(names.map((name) => [name, sha256(`peio vector key ${name}`)])) as Record<
  Name,
  string
>;
const keys = Object.fromEntries(
  names.map((name) => [
    name,
    createPrivateKey({
      key: Buffer.concat([
        Buffer.from('302e020100300506032b657004220420', 'hex'),
        Buffer.from(seeds[name], 'hex'),
      ]),
      format: 'der',
      type: 'pkcs8',
    }),
  ]),
) as Record<Name, KeyObject>;
const idOf = (name: Name): string => publicKeyOf(keys[name]).id;
const entry = (name: Name, role: string, nodes?: string[]) => ({
  keyid: idOf(name),
  publicKey: publicKeyOf(keys[name]).spki,
  role,
  ...(nodes ? { nodes } : {}),
});

const both = { operator: 1, officer: 1 };
const recipients = ['q', 'p'].map((letter, index) => ({
  recipient: `age1${letter.repeat(58)}`,
  role: index === 0 ? 'officer' : 'escrow',
  from: '2026-01-01T00:00:00.000Z',
  until: '2030-01-01T00:00:00.000Z',
}));
const policy = {
  version: 5,
  issuedAt: '2026-01-10T00:00:00.000Z',
  retentionCeilingHours: 168,
  logRetentionDays: 180,
  nodes: [
    { id: 'site-09', key: publicKeyOf(keys.node).spki, cameras: ['cam-1', 'cam-2'] },
    { id: 'site-10', key: publicKeyOf(keys.otherNode).spki, cameras: ['cam-1'] },
  ],
  persons: [
    { name: 'Root', keys: [entry('root', 'root')] },
    { name: 'Operator', keys: [entry('operator', 'operator')] },
    { name: 'Officer', keys: [entry('officer', 'officer')] },
    { name: 'Officer of site-10', keys: [entry('farOfficer', 'officer', ['site-10'])] },
  ],
  thresholds: {
    policy: { root: 1 },
    extract: both,
    hold: both,
    release: both,
    snapshot: both,
    probe: { operator: 1 },
  },
  holdPurposes: ['judicial-police'],
  holdMaxDays: 180,
  recipients,
  hub: { key: publicKeyOf(keys.hub).spki },
};
const signed = (
  type: (typeof payloadTypes)[keyof typeof payloadTypes],
  payload: unknown,
  signers: Name[],
): string =>
  signEnvelope(
    type,
    Buffer.from(JSON.stringify(payload)),
    signers.map((name) => keys[name]),
  );
const signedPolicy = (payload: unknown, signers: Name[] = ['root']): string =>
  signed(payloadTypes.policy, payload, signers);

let counter = 0;
const id = (): string => `019bc1a0-8c00-7000-8000-${(++counter).toString(16).padStart(12, '0')}`;
const head = () => ({
  id: id(),
  node: 'site-09',
  issuedAt: text(now - 60_000),
  expiresAt: text(now + 72 * hour - 60_000),
  policyVersion: 5,
  operator: idOf('operator'),
});
const request = { protocol: '2026/0147', date: '2026-01-15', recordHash: sha256('record') };
const window = { camera: 'cam-1', from: text(now - hour), to: text(now - hour / 2) };
const extract = (change: object = {}) => ({
  ...head(),
  officer: idOf('officer'),
  type: 'extract',
  ...window,
  purpose: 'judicial-police',
  request,
  ...change,
});
const hold = (change: object = {}) => ({
  ...head(),
  officer: idOf('officer'),
  type: 'hold',
  ...window,
  until: text(now + 30 * 24 * hour),
  purpose: 'judicial-police',
  request,
  ...change,
});
const two: Name[] = ['operator', 'officer'];
const command = (payload: unknown, signers: Name[] = two): string =>
  signed(payloadTypes.command, payload, signers);
const envelope = (
  value: string,
): Record<string, unknown> & { signatures: { keyid: string; sig: string }[]; payload: string } =>
  JSON.parse(value);
const changed = (value: string, change: (parsed: ReturnType<typeof envelope>) => void): string => {
  const parsed = envelope(value);
  change(parsed);
  return JSON.stringify(parsed);
};
const without = (payload: Record<string, unknown>, name: string): Record<string, unknown> => {
  const { [name]: _, ...rest } = payload;
  return rest;
};

/**
 * `stage` is what must refuse: `envelope` (bytes), `signatures`, `payload` (the signed bytes), `journal` (what came
 * before), `authorise` (who, where, when), `admit` (what is there). `message` is the text as sent; `at`, `clockTrusted` and
 * `before` (what came earlier and is not finished) say what differs from the common surroundings.
 */
interface Case {
  name: string;
  stage: 'accepted' | 'envelope' | 'signatures' | 'payload' | 'journal' | 'authorise' | 'admit';
  code?: string;
  message?: string;
  /** Instead of a message: this text, so often. */
  repeat?: { text: string; count: number };
  at?: string;
  clockTrusted?: boolean;
  before?: string[];
}
const cases: Case[] = [];
const add = (
  name: string,
  stage: Case['stage'],
  code: string | undefined,
  message: string | undefined,
  more: Partial<Case> = {},
): void => {
  cases.push({
    name,
    stage,
    ...(code ? { code } : {}),
    ...(message === undefined ? {} : { message }),
    ...more,
  });
};

add('an extraction that both signed', 'accepted', undefined, command(extract()));
add(
  'a probe that the operator signed',
  'accepted',
  undefined,
  command({ ...head(), type: 'probe' }, ['operator']),
);
add('a hold for the judicial police', 'accepted', undefined, command(hold()));
add(
  'the order of signatures does not matter',
  'accepted',
  undefined,
  command(extract(), ['officer', 'operator']),
);
add(
  'keyid is a hint: a wrong one harms nothing',
  'accepted',
  undefined,
  changed(command(extract()), (one) => {
    for (const signature of one.signatures) signature.keyid = idOf('stranger');
  }),
);
add(
  'keyid may be absent',
  'accepted',
  undefined,
  changed(command(extract()), (one) => {
    for (const signature of one.signatures) delete (signature as { keyid?: string }).keyid;
  }),
);
add(
  'within the skew after its expiry',
  'accepted',
  undefined,
  command(extract({ expiresAt: text(now - 299_000), issuedAt: text(now - hour) })),
);

add(
  'keyid may be any word',
  'accepted',
  undefined,
  changed(command(extract()), (one) => {
    one.signatures[0]!.keyid = 'operator-1';
    one.signatures[1]!.keyid = '';
  }),
);
add(
  'the other alphabet of base64, without padding',
  'accepted',
  undefined,
  changed(command(extract()), (one) => {
    const urlSafe = (text: string): string => Buffer.from(text, 'base64').toString('base64url');
    one.payload = urlSafe(one.payload);
    for (const signature of one.signatures) signature.sig = urlSafe(signature.sig);
  }),
);
add(
  'whole seconds, and UTC as an offset of nothing',
  'accepted',
  undefined,
  command(extract({ issuedAt: '2026-01-15T11:59:00Z', from: '2026-01-15T11:00:00.000000+00:00' })),
);
add(
  'a probe that names an officer, who signed it too',
  'accepted',
  undefined,
  command({ ...head(), officer: idOf('officer'), type: 'probe' }),
);

add('larger than 256 KiB', 'envelope', 'too-large', undefined, { repeat: { text: 'x', count: 262_145 } });
add('no JSON', 'envelope', 'malformed', 'extract everything');
add('empty', 'envelope', 'malformed', '');
add(
  'a field too many in the envelope',
  'envelope',
  'malformed',
  changed(command(extract()), (one) => {
    one['note'] = 'x';
  }),
);
add(
  'a field too many in a signature',
  'envelope',
  'malformed',
  changed(command(extract()), (one) => {
    Object.assign(one.signatures[0]!, { extension: { kind: 'x' } });
  }),
);
add(
  'no signature',
  'envelope',
  'malformed',
  changed(command(extract()), (one) => {
    one.signatures = [];
  }),
);
add(
  'more signatures than any threshold asks for',
  'envelope',
  'malformed',
  changed(command(extract()), (one) => {
    one.signatures = Array.from({ length: 17 }, () => one.signatures[0]!);
  }),
);
add(
  'base64 that is not canonical',
  'envelope',
  'malformed',
  changed(command({ ...extract(), pad: 'x' }), (one) => {
    one.payload = one.payload.endsWith('=')
      ? one.payload.replace(
          /(.)(=+)$/,
          (_, last: string, pad: string) => String.fromCharCode(last.charCodeAt(0) + 1) + pad,
        )
      : `${one.payload}=`;
  }),
);
add(
  'another payload type, rightly signed',
  'signatures',
  'malformed',
  signed(payloadTypes.status, extract(), two),
);
add(
  'signed by a key that the policy does not name',
  'signatures',
  'bad-signature',
  command(extract(), ['operator', 'stranger']),
);
add(
  'signed by a key that was revoked',
  'signatures',
  'bad-signature',
  command(extract({ operator: idOf('revoked') }), ['revoked', 'officer']),
);
add(
  'signed by the node itself',
  'signatures',
  'bad-signature',
  command(extract({ operator: idOf('node') }), ['node', 'officer']),
);
add(
  'signed by the root: it has no part in daily work',
  'signatures',
  'bad-signature',
  command(extract({ operator: idOf('root') }), ['root', 'officer']),
);
add(
  'one bit of the payload changed',
  'signatures',
  'bad-signature',
  changed(command(extract()), (one) => {
    const bytes = Buffer.from(one.payload, 'base64');
    bytes[20] = bytes[20]! ^ 1;
    one.payload = bytes.toString('base64');
  }),
);
add(
  'one bit of a signature changed',
  'signatures',
  'bad-signature',
  changed(command(extract()), (one) => {
    const bytes = Buffer.from(one.signatures[1]!.sig, 'base64');
    bytes[5] = bytes[5]! ^ 1;
    one.signatures[1]!.sig = bytes.toString('base64');
  }),
);
add(
  'the signatures of another command',
  'signatures',
  'bad-signature',
  changed(command(extract()), (one) => {
    one.signatures = envelope(command(extract())).signatures;
  }),
);
add(
  'two good signatures and a bad one',
  'signatures',
  'bad-signature',
  changed(command(extract()), (one) => {
    one.signatures.push({ keyid: idOf('officer'), sig: Buffer.alloc(64).toString('base64') });
  }),
);

add('a field too many', 'payload', 'malformed', command({ ...extract(), urgent: true }));
add('a field missing', 'payload', 'malformed', command(without(extract(), 'request')));
add(
  'an extraction without an officer',
  'payload',
  'malformed',
  command(without(extract(), 'officer'), ['operator']),
);
add('an unknown type', 'payload', 'malformed', command({ ...extract(), type: 'delete' }));
add(
  'an id that is no version 7 UUID',
  'payload',
  'malformed',
  command(extract({ id: '2f1c3b52-6f5b-4d0e-9b7c-0123456789ab' })),
);
add(
  'an id in upper case',
  'payload',
  'malformed',
  command(extract({ id: '019BC1A0-8C00-7000-8000-00000000ABCD' })),
);
add('an id that climbs out of a folder', 'payload', 'malformed', command(extract({ id: '../../policy' })));
add(
  'a purpose outside the closed list (Art. 8)',
  'payload',
  'purpose-not-allowed',
  command(extract({ purpose: 'staff-discipline' })),
);
add(
  'a snapshot for anything but maintenance',
  'payload',
  'purpose-not-allowed',
  command({
    ...head(),
    officer: idOf('officer'),
    type: 'snapshot',
    camera: 'cam-1',
    purpose: 'judicial-police',
    attending: sha256('names'),
  }),
);
add('a local time', 'payload', 'malformed', command(extract({ from: '2026-01-15T11:00:00.000+01:00' })));
add(
  'a window that ends before it begins',
  'payload',
  'malformed',
  command(extract({ from: window.to, to: window.from })),
);
add('an empty window', 'payload', 'malformed', command(extract({ to: window.from })));
add(
  'a life of more than seven days',
  'payload',
  'malformed',
  command(extract({ expiresAt: text(now - 60_000 + 7 * 24 * hour + 1) })),
);
add(
  'expired before it was issued',
  'payload',
  'malformed',
  command(extract({ expiresAt: text(now - 120_000) })),
);
add(
  'bytes that are no UTF-8',
  'payload',
  'malformed',
  signEnvelope(payloadTypes.command, Buffer.from([0x7b, 0xff, 0x7d]), [keys.operator]),
);

const first = extract();
add('the id of another command', 'journal', 'replayed', command({ ...first, camera: 'cam-2' }), {
  before: [command(first)],
});
const probe = { ...head(), type: 'probe' };
add('the same payload, signed once more', 'journal', 'replayed', command(probe, ['operator', 'officer']), {
  before: [command(probe, ['operator'])],
});

add('for another node', 'authorise', 'wrong-node', command(extract({ node: 'site-10' })));
add('prepared under an older policy', 'authorise', 'stale-policy', command(extract({ policyVersion: 4 })));
add('prepared under a newer policy', 'authorise', 'policy-missing', command(extract({ policyVersion: 6 })));
add('signed by the operator alone', 'authorise', 'missing-signature', command(extract(), ['operator']));
add('signed by the officer alone', 'authorise', 'missing-signature', command(extract(), ['officer']));
add(
  'signed twice with one key',
  'authorise',
  'missing-signature',
  command(extract(), ['operator', 'operator']),
);
add(
  'signed by an officer of another structure',
  'authorise',
  'missing-signature',
  command(extract({ officer: idOf('farOfficer') }), ['operator', 'farOfficer']),
);
add(
  'a signer moved to another command: the officer named is not the one who signed',
  'authorise',
  'missing-signature',
  command(extract({ officer: idOf('farOfficer') })),
);
add(
  'an officer in the place of the operator',
  'authorise',
  'missing-signature',
  command(extract({ operator: idOf('officer') }), ['officer']),
);
add(
  'a probe that names an officer who did not sign it',
  'authorise',
  'missing-signature',
  command({ ...head(), officer: idOf('officer'), type: 'probe' }, ['operator']),
);
add(
  'a probe that only an officer signed',
  'authorise',
  'missing-signature',
  command({ ...head(), type: 'probe' }, ['officer']),
);
add('under a clock that cannot judge its dates', 'authorise', 'clock-untrusted', command(extract()), {
  clockTrusted: false,
});
add(
  'past its expiry and the skew',
  'authorise',
  'expired',
  command(extract({ issuedAt: text(now - hour), expiresAt: text(now - 301_000) })),
);
add(
  'dated ahead by more than the skew',
  'authorise',
  'not-yet-valid',
  command(extract({ issuedAt: text(now + 301_000) })),
);
add(
  'a hold for a purpose that the policy does not allow',
  'authorise',
  'purpose-not-allowed',
  command(hold({ purpose: 'defence' })),
);

add('a camera that is not here', 'admit', 'unknown-camera', command(extract({ camera: 'cam-9' })));
add('an end in the future', 'admit', 'outside-retention', command(extract({ to: text(now + 6000) })));
add(
  'a start of which nothing is left',
  'admit',
  'outside-retention',
  command(extract({ from: text(now - 169 * hour) })),
);
add(
  'a hold beyond the longest that the policy allows',
  'admit',
  'outside-retention',
  command(hold({ until: text(now + 181 * 24 * hour) })),
);
add(
  'the release of a hold that is not in force',
  'admit',
  'unknown-hold',
  command({
    ...head(),
    officer: idOf('officer'),
    type: 'release',
    hold: '019bc1a0-8c00-7000-8000-ffffffffffff',
  }),
);
add('one more than can wait', 'admit', 'busy', command(extract()), {
  before: Array.from({ length: 16 }, () => command(extract())),
});

/** Without `fresh` the policy `inForce` is in force already. */
const policies: { name: string; message: string; fresh?: true; code?: string }[] = [];
const inForce = signedPolicy(policy);
const next = (change: object = {}) => ({ ...policy, version: 6, ...change });
const persons = (...list: object[]) => ({ persons: list });
const [rootEntry, operatorEntry, officerEntry] = policy.persons;
const recipientsFrom = (from: string) => ({ recipients: recipients.map((one) => ({ ...one, from })) });
const newRootEntry = { name: 'New root', keys: [entry('newRoot', 'root')] };
policies.push(
  { name: 'the first', message: inForce, fresh: true },
  { name: 'a higher version', message: signedPolicy(next()) },
  { name: 'a version may be left out', message: signedPolicy(next({ version: 9 })) },
  {
    name: 'a new root, signed by the old and the new',
    message: signedPolicy(next(persons(newRootEntry, operatorEntry!, officerEntry!)), ['root', 'newRoot']),
  },
  {
    name: 'from one kind of recipient to the other, not at one time',
    message: signedPolicy(
      next({
        recipients: [
          ...recipients.map((one) => ({ ...one, until: '2027-01-01T00:00:00.000Z' })),
          ...['z', 'x'].map((letter, index) => ({
            ...recipients[index],
            recipient: `age1pq1${letter.repeat(58)}`,
            from: '2027-01-01T00:00:00.000Z',
          })),
        ],
      }),
    ),
  },
  {
    name: 'recipients dated a moment after the policy',
    message: signedPolicy(next(recipientsFrom('2026-01-10T00:00:01.000Z'))),
  },
  {
    name: 'recipients dated later than clocks disagree',
    message: signedPolicy(next(recipientsFrom('2026-01-10T00:06:00.000Z'))),
    code: 'policy-unsound',
  },
  {
    name: 'the same version again',
    message: signedPolicy({ ...policy, logRetentionDays: 90 }),
    code: 'policy-rollback',
  },
  {
    name: 'an older version',
    message: signedPolicy({ ...policy, version: 4 }),
    code: 'policy-rollback',
  },
  {
    name: 'signed by nobody who may',
    message: signedPolicy(next(), ['officer']),
    code: 'policy-signature',
  },
  {
    name: 'a new root that signs for itself',
    message: signedPolicy(next(persons(newRootEntry, operatorEntry!, officerEntry!)), ['newRoot']),
    code: 'policy-signature',
  },
  {
    name: 'a new root that does not sign',
    message: signedPolicy(next(persons(newRootEntry, operatorEntry!, officerEntry!)), ['root']),
    code: 'policy-signature',
  },
  {
    name: 'two roots asked for, one person signs with two keys',
    message: signedPolicy(
      next({
        ...persons(
          { name: 'Root', keys: [entry('root', 'root'), entry('newRoot', 'root')] },
          { name: 'Second root', keys: [entry('stranger', 'root')] },
          operatorEntry!,
          officerEntry!,
        ),
        thresholds: { ...policy.thresholds, policy: { root: 2 } },
      }),
      ['root', 'newRoot'],
    ),
    code: 'policy-signature',
  },
  {
    name: 'a command, rightly signed',
    message: command(extract(), ['root']),
    code: 'policy-malformed',
  },
  {
    name: 'a field too many',
    message: signedPolicy({ ...next(), note: '' }),
    code: 'policy-malformed',
  },
  {
    name: 'retention beyond seven days (Art. 3)',
    message: signedPolicy(next({ retentionCeilingHours: 169 })),
    code: 'policy-malformed',
  },
  {
    name: 'a keyid that is not its key',
    message: signedPolicy(
      next(
        persons(rootEntry!, operatorEntry!, {
          name: 'Officer',
          keys: [{ ...entry('officer', 'officer'), keyid: idOf('stranger') }],
        }),
      ),
    ),
    code: 'policy-malformed',
  },
  {
    name: 'one person in two roles of a threshold',
    message: signedPolicy(
      next(
        persons(rootEntry!, {
          name: 'Both',
          keys: [entry('operator', 'operator'), entry('officer', 'officer')],
        }),
      ),
    ),
    code: 'policy-unsound',
  },
  {
    name: 'one person under two entries',
    message: signedPolicy(
      next(
        persons(
          rootEntry!,
          { name: 'Both', keys: [entry('operator', 'operator')] },
          { name: 'Both', keys: [entry('officer', 'officer')] },
        ),
      ),
    ),
    code: 'policy-unsound',
  },
  {
    name: 'one key for two persons',
    message: signedPolicy(
      next(
        persons(rootEntry!, operatorEntry!, officerEntry!, {
          name: 'Other',
          keys: [entry('officer', 'officer')],
        }),
      ),
    ),
    code: 'policy-unsound',
  },
  {
    name: 'an extraction without an officer',
    message: signedPolicy(next({ thresholds: { ...policy.thresholds, extract: { operator: 2 } } })),
    code: 'policy-unsound',
  },
  {
    name: 'one recipient',
    message: signedPolicy(next({ recipients: [recipients[0]] })),
    code: 'policy-unsound',
  },
  {
    name: 'one recipient twice',
    message: signedPolicy(next({ recipients: [recipients[0], { ...recipients[0], role: 'escrow' }] })),
    code: 'policy-unsound',
  },
  {
    name: 'two recipients, one of them for another node',
    message: signedPolicy(next({ recipients: [recipients[0], { ...recipients[1], nodes: ['site-10'] }] })),
    code: 'policy-unsound',
  },
  {
    name: 'both kinds of recipient in one file',
    message: signedPolicy(
      next({ recipients: [...recipients, { ...recipients[0], recipient: `age1pq1${'z'.repeat(58)}` }] }),
    ),
    code: 'policy-unsound',
  },
);

const lines: string[] = [];
for (const [index, kind] of [
  'start',
  'command-accepted',
  'command-done',
  'gap',
  'sweep',
  'stop',
  'start',
].entries()) {
  const prev = lines.length === 0 ? '' : sha256(lines.at(-1)!);
  lines.push(
    JSON.stringify({
      seq: index + 1,
      at: text(now + index * 1000),
      prev,
      kind,
      ...(kind === 'gap' ? { camera: 'cam-1', reason: 'no-connection' } : {}),
    }),
  );
}
const logHead = {
  size: lines.length,
  root: merkleRoot(lines.map((line) => leafHash(line))),
  policyHash: sha256(inForce),
  policyVersion: 5,
};
const checkpoint = signCheckpoint('site-09', logHead, keys.node);
const statement = { policyVersion: 6, registerSize: 2, registerHead: sha256('register') };

const folder = join(import.meta.dirname, '..', '..', 'protocol', 'vectors');
const publicKeys = Object.fromEntries(names.map((name) => [name, publicKeyOf(keys[name]).spki]));
const save = (name: string, value: object): void =>
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`);
save('commands.json', {
  about:
    'Commands and what must refuse them, one failure each. "stage" is what refuses, or "accepted"; "before" is what came earlier, in its order, and is not finished; "repeat" stands for a message of so many times that text; "clockTrusted" where it is not as in the surroundings. Keys: SPKI DER, base64; their seeds are SHA-256 of "peio vector key NAME".',
  keys: publicKeys,
  policy: inForce,
  surroundings: {
    node: 'site-09',
    at: text(now),
    clockTrusted: true,
    footage: { camera: 'cam-1', from: text(now - 168 * hour), to: text(now) },
    cameras: ['cam-1', 'cam-2'],
  },
  cases,
});
save('policies.json', {
  about:
    'Policies offered to a node whose trust is the key "root", threshold 1, and what refuses them. "inForce" is in force there; a "fresh" node has none yet. Good where there is no code.',
  keys: publicKeys,
  inForce,
  cases: policies,
});
save('log.json', {
  about:
    'A log of seven lines, its head signed by the key "node", the hub\'s answer signed by the key "hub".',
  keys: publicKeys,
  node: 'site-09',
  lines,
  checkpoint,
  cosigned: cosignCheckpoint('site-09', checkpoint, statement, keys.hub, now + 10_000),
  statement,
  at: text(now + 10_000),
});

/** What comes of one command: the node's answer, its list, its proof, and the town hall's list of a copy. */
const ordered = extract();
const orderEnvelope = command(ordered);
const accepted = JSON.stringify({
  seq: 1,
  at: text(now),
  prev: '',
  kind: 'command-accepted',
  id: ordered.id,
  hash: sha256(orderEnvelope),
});
const deliveryLines = [accepted];
for (const kind of ['checkpoint', 'sweep'])
  deliveryLines.push(
    JSON.stringify({
      seq: deliveryLines.length + 1,
      at: text(now + deliveryLines.length * 1000),
      prev: sha256(deliveryLines.at(-1)!),
      kind,
    }),
  );
const leaves = deliveryLines.map((line) => leafHash(line));
const deliveryHead = {
  size: leaves.length,
  root: merkleRoot(leaves),
  policyHash: sha256(inForce),
  policyVersion: 5,
};
const cosignedBy = (origin: string, key: Name): string =>
  cosignCheckpoint(
    origin,
    signCheckpoint(origin, deliveryHead, keys[key]),
    statement,
    keys.hub,
    now + 10_000,
  );
const proof = {
  node: 'site-09',
  line: accepted,
  seq: 1,
  size: leaves.length,
  path: inclusionProof(leaves, 0).map((hash) => hash.toString('base64')),
  cosigned: cosignedBy('site-09', 'node'),
};
const file = {
  name: '20260115T110000000Z-60000.mp4.age',
  start: text(now - hour),
  end: text(now - hour + 60_000),
  bytes: 1_500_000,
  sha256: sha256('sealed segment'),
  clock: 'synced',
  torn: false,
};
const torn = {
  ...file,
  name: '20260115T110100000Z-20000.torn.mp4.age',
  start: text(now - hour + 60_000),
  end: text(now - hour + 80_000),
  torn: true,
};
const manifest = (change: object = {}) => ({
  command: ordered.id,
  node: 'site-09',
  ...window,
  policyVersion: 5,
  auditSeq: 1,
  files: [file, torn],
  gaps: [{ start: torn.end, end: window.to, reason: 'power-lost' }],
  ...change,
});
const listed = (payload: object, signers: Name[] = ['node']): string =>
  signed(payloadTypes.manifest, payload, signers);
const status = {
  id: ordered.id,
  version: 7,
  state: 'running',
  progress: 0.5,
  segments: 1,
  bytes: 1_500_000,
  auditSeq: 1,
};
const contentsText = [
  'peio/v1/hub/package',
  `case ${ordered.id}`,
  `register 4 ${sha256('register line 4')}`,
  `time ${(now + 3_600_000) / 1000}`,
  `${sha256(orderEnvelope)}  command.dsse.json`,
  `${sha256('film')}  viewing.mp4`,
  '',
].join('\n');
const contents = signNote(contentsText, hubName, keys.hub);

/** `of` says what `value` is, and so who must have signed it; `code` is missing where it is good. */
interface Delivered {
  name: string;
  of: 'manifest' | 'status' | 'proof' | 'contents';
  code?: string;
  value: string | object;
}
const delivered: Delivered[] = [
  { name: 'two segments, one of them torn, and a gap', of: 'manifest', value: listed(manifest()) },
  {
    name: 'a field that a later version adds',
    of: 'manifest',
    value: listed(manifest({ later: true })),
  },
  {
    name: 'signed by another node',
    of: 'manifest',
    code: 'bad-signature',
    value: listed(manifest(), ['otherNode']),
  },
  {
    name: 'signed by the town hall',
    of: 'manifest',
    code: 'bad-signature',
    value: listed(manifest(), ['hub']),
  },
  {
    name: 'a status, rightly signed',
    of: 'manifest',
    code: 'malformed',
    value: signed(payloadTypes.status, manifest(), ['node']),
  },
  {
    name: 'of another command',
    of: 'manifest',
    code: 'other-manifest',
    value: listed(manifest({ command: id() })),
  },
  {
    name: 'of another camera',
    of: 'manifest',
    code: 'other-manifest',
    value: listed(manifest({ camera: 'cam-2' })),
  },
  {
    name: 'of a longer time',
    of: 'manifest',
    code: 'other-manifest',
    value: listed(manifest({ to: text(now) })),
  },
  ...[
    ['a name that climbs out of a folder', { name: '../20260115T110000000Z-60000.mp4.age' }],
    ['a name of no day', { name: '20260230T110000000Z-60000.mp4.age' }],
    ['a file that is not sealed', { name: '20260115T110000000Z-60000.mp4' }],
    ['a hash in upper case', { sha256: file.sha256.toUpperCase() }],
    ['a file without bytes', { bytes: 0 }],
    ['a state of the clock that there is not', { clock: 'good' }],
    ['a time without a zone', { start: '2026-01-15T11:00:00.000' }],
  ].map(
    ([name, change]): Delivered => ({
      name: name as string,
      of: 'manifest',
      code: 'malformed',
      value: listed(manifest({ files: [{ ...file, ...(change as object) }] })),
    }),
  ),
  {
    name: 'a picture among segments',
    of: 'manifest',
    code: 'malformed',
    value: listed(manifest({ files: [file, { ...file, name: 'snapshot-20260115T110000000Z.jpg.age' }] })),
  },
  {
    name: 'a gap for a reason that there is not',
    of: 'manifest',
    code: 'malformed',
    value: listed(manifest({ gaps: [{ start: torn.end, end: window.to, reason: 'unknown' }] })),
  },
  { name: 'half of it sent', of: 'status', value: signed(payloadTypes.status, status, ['node']) },
  {
    name: 'signed by another node',
    of: 'status',
    code: 'bad-signature',
    value: signed(payloadTypes.status, status, ['otherNode']),
  },
  {
    name: 'a state that there is not',
    of: 'status',
    code: 'malformed',
    value: signed(payloadTypes.status, { ...status, state: 'sent' }, ['node']),
  },
  {
    name: 'without a line of the log',
    of: 'status',
    code: 'malformed',
    value: signed(payloadTypes.status, without(status, 'auditSeq'), ['node']),
  },
  { name: 'the line of the acceptance', of: 'proof', value: proof },
  {
    name: 'another line',
    of: 'proof',
    code: 'proof-invalid',
    value: { ...proof, line: deliveryLines[1], seq: 2 },
  },
  {
    name: 'the line with another hash of the command',
    of: 'proof',
    code: 'proof-invalid',
    value: { ...proof, line: accepted.replace(sha256(orderEnvelope), sha256('another')) },
  },
  {
    name: 'a path too short',
    of: 'proof',
    code: 'proof-invalid',
    value: { ...proof, path: proof.path.slice(1) },
  },
  { name: 'another size', of: 'proof', code: 'proof-invalid', value: { ...proof, size: 2 } },
  {
    name: 'a head that another node signed',
    of: 'proof',
    code: 'note-signature',
    value: { ...proof, cosigned: cosignedBy('site-09', 'otherNode') },
  },
  {
    name: 'a head without the town hall',
    of: 'proof',
    code: 'note-malformed',
    value: { ...proof, cosigned: signCheckpoint('site-09', deliveryHead, keys.node) },
  },
  { name: 'the files of a copy', of: 'contents', value: contents },
  {
    name: 'signed by the node',
    of: 'contents',
    code: 'note-signature',
    value: signNote(contentsText, hubName, keys.node),
  },
  {
    name: 'one hash changed',
    of: 'contents',
    code: 'note-signature',
    value: contents.replace(sha256('film'), sha256('another')),
  },
  {
    name: 'a signature whose base64 is not the one way to write it',
    of: 'contents',
    code: 'note-malformed',
    value: contents.replace(
      /(.)=\n$/,
      (_, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}=\n`,
    ),
  },
  {
    name: 'another title, rightly signed',
    of: 'contents',
    code: 'contents-malformed',
    value: signNote(contentsText.replace('package', 'parcel'), hubName, keys.hub),
  },
];
save('delivery.json', {
  about:
    'What comes of one command: the list of the segments and the answers that the key "node" signs, the proof of its line in the log, the list of the files of a copy that the key "hub" signs. One failure each; good where there is no code.',
  keys: publicKeys,
  policy: inForce,
  command: orderEnvelope,
  node: 'site-09',
  cases: delivered,
});
