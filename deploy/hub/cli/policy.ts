import { type KeyObject, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import {
  addSignature,
  type Envelope,
  pae,
  parseJson,
  payloadTypes,
  signEnvelope,
} from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { type PublicKey, parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import {
  type Policy,
  type PolicyPayload,
  parsePolicy,
  role as roleSchema,
  verifyPolicy,
} from '#protocol/policy.ts';
import { purpose } from '#protocol/purpose.ts';
import {
  addPerson,
  nextVersion,
  revoke,
  rotateHub,
  rotateIdentity,
  rotateNode,
  setThreshold,
} from '../policies/changes.ts';
import type { Call, Command } from './command.ts';
import { rootKeys } from './passphrase.ts';
import { localTime, parseTime } from './times.ts';

type Change = (call: Call, policy: PolicyPayload) => PolicyPayload;

const changes: Record<string, Change> = {
  'add-person': (call, policy) => {
    const role = roleSchema.safeParse(call.need('role'));
    if (!role.success) throw new Failure('usage', 'usage', '--role is root, operator, officer or maintainer');
    const key = publicKeyIn(call.need('key'));
    const nodes = nodesOf(call);
    return addPerson(policy, { name: call.need('name'), role: role.data, key, ...(nodes ? { nodes } : {}) });
  },
  revoke: (call, policy) => revoke(policy, argument(call, 'KEYID or NAME')),
  'rotate-identity': (call, policy) => {
    const role = argument(call, 'officer or escrow');
    if (role !== 'officer' && role !== 'escrow')
      throw new Failure('usage', 'usage', 'the identity of officer or escrow can be rotated');
    const at = call.option('at');
    const utcMs = at === undefined ? systemClock.utc() : parseTime('at', at, 'UTC');
    const nodes = nodesOf(call);
    return rotateIdentity(policy, {
      role,
      recipient: call.need('recipient'),
      utcMs,
      ...(nodes ? { nodes } : {}),
    });
  },
  'rotate-node': (call, policy) => rotateNode(policy, argument(call, 'NODE'), publicKeyIn(call.need('key'))),
  'rotate-hub': (call, policy) => rotateHub(policy, publicKeyIn(call.need('key'))),
  set: (call, policy) => {
    let next = policy;
    for (const text of call.options('threshold')) next = setThreshold(next, text);
    const given = call.options('hold-purpose');
    if (given.length > 0) {
      const holdPurposes = given.map((one) => {
        const parsed = purpose.safeParse(one);
        if (!parsed.success) throw new Failure('usage', 'usage', `"${one}" is no purpose`);
        return parsed.data;
      });
      next = { ...next, holdPurposes };
    }
    if (call.option('hold-max-days') !== undefined)
      next = { ...next, holdMaxDays: Number(call.need('hold-max-days')) };
    if (next === policy)
      throw new Failure('usage', 'usage', 'set needs --threshold, --hold-purpose or --hold-max-days');
    return next;
  },
};

export const policy: Command = {
  summary: 'Shows the policy, makes and signs its next version where the root key is, and publishes it.',
  usage:
    'show [FILE] | add-person | revoke | rotate-identity | rotate-node | rotate-hub | set | sign FILE | publish FILE',
  notes: `  show [FILE]                        what a policy says
  add-person --name --role --key     a person's public key (PEM)
  revoke KEYID|NAME                  one key, or everything of a person
  rotate-identity officer|escrow     --recipient age1…: the old one ends, the new one begins
  rotate-node NODE --key FILE        the public key of a node's new box
  rotate-hub --key FILE              the public key of another hub; put into its folder, not published
  set                                thresholds, purposes of holds
  sign FILE                          another root's signature on a version made elsewhere
  publish FILE                       hands it to "hub serve", which sends it to every node
Changes start from --from FILE (else the hub's policy.dsse.json) and need --root-key and --save; no hub has to run.`,
  arguments: { least: 1, most: 2 },
  options: {
    from: { type: 'string', value: 'FILE', help: 'the version to start from' },
    save: { type: 'string', value: 'FILE', help: 'where the signed version goes; never over a file' },
    'root-key': { type: 'string', multiple: true, value: 'FILE', help: 'signing key of a root' },
    'passphrase-file': {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'with its passphrase, in the order of the keys (else asked for)',
    },
    root: {
      type: 'string',
      value: 'FILE',
      help: 'public key of the root that signed the version to start from, when --root-key did not',
    },
    name: { type: 'string', value: 'NAME', help: 'of the person' },
    role: { type: 'string', value: 'ROLE', help: 'root, operator, officer or maintainer' },
    key: { type: 'string', value: 'FILE', help: 'public key (PEM)' },
    node: { type: 'string', multiple: true, value: 'NODE', help: 'only for these nodes' },
    recipient: { type: 'string', value: 'age1…', help: 'the new identity’s recipient' },
    at: { type: 'string', value: 'TIME', help: 'from when the new identity counts (now)' },
    threshold: { type: 'string', multiple: true, value: 'ACT:ROLE=N', help: 'persons that an act takes' },
    'hold-purpose': { type: 'string', multiple: true, value: 'P', help: 'purposes of holds; all of them' },
    'hold-max-days': { type: 'string', value: 'N', help: 'longest hold' },
    json: { type: 'boolean', help: 'the answer as JSON' },
  },
  async run(call) {
    const [what, file] = call.positionals as [string, string | undefined];
    if (what === 'show') {
      show(call, readPolicyFile(file ?? join(call.dir, 'policy.dsse.json')));
      return 0;
    }
    if (what === 'publish') {
      const envelope = readText(file ?? call.need('file'));
      const { version, taken } = await call.client().post('policy', { by: call.by, envelope });
      call.terminal.print(
        call.flag('json') ? JSON.stringify({ version, taken }) : call.texts().published(version, taken),
      );
      return 0;
    }
    if (what === 'sign') return await sign(call, readText(file ?? call.need('file')));
    const change = Object.hasOwn(changes, what) ? changes[what] : undefined;
    if (change === undefined)
      throw new Failure('usage', 'usage', `"${what}" is no act on a policy: see "hub policy --help"`);
    return await make(call, change);
  },
};

async function make(call: Call, change: Change): Promise<number> {
  const keys = await rootKeys(call);
  const before = readText(call.option('from') ?? join(call.dir, 'policy.dsse.json'));
  const { envelope, policy: inForce } = parsePolicy(Buffer.from(before));
  if (!keys.some((key) => hasSigned(envelope, key))) requireKnownRoot(call, before);
  const payload = parseJson(envelope.payload) as PolicyPayload;
  const next = nextVersion(change(call, payload), systemClock.utc());
  const text = signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(next)), keys);
  return finish(call, text, () => verifyPolicy(Buffer.from(text), { roots: [], threshold: 1 }, inForce));
}

/** Whoever signs the next version must have had a hand in the last: the file may come from anywhere. */
function hasSigned({ payloadType, payload, signatures }: Envelope, key: KeyObject): boolean {
  const half = publicKeyOf(key).key;
  return signatures.some(({ sig }) => verify(null, pae(payloadType, payload), half, sig));
}

/** For a root that took part in no version yet, such as the one that remains when the other is lost. */
function requireKnownRoot(call: Call, before: string): void {
  const file = call.option('root');
  if (file === undefined)
    throw new Failure(
      'denied',
      'policy-signature',
      'the version to start from is not signed by this root: name the public key of the one that signed it with --root',
    );
  verifyPolicy(Buffer.from(before), { roots: parsePublicPem(readText(file)), threshold: 1 });
}

async function sign(call: Call, text: string): Promise<number> {
  const [key, ...more] = await rootKeys(call);
  if (key === undefined || more.length > 0) throw new Failure('usage', 'usage', 'sign takes one --root-key');
  const { envelope, policy } = parsePolicy(Buffer.from(text));
  print(call, policy);
  return finish(call, addSignature(envelope, key), () => parsePolicy(Buffer.from(text)).policy);
}

/** A version that needs another root's signature is written too, and says so. */
function finish(call: Call, text: string, check: () => Policy): number {
  const file = call.need('save');
  let complete = true;
  try {
    check();
  } catch (error) {
    const { policy } = parsePolicy(Buffer.from(text));
    if (codeOf(error) !== 'policy-signature' || (policy.thresholds.policy.root ?? 1) < 2) throw error;
    complete = false;
  }
  try {
    writeFileSync(file, text, { flag: 'wx', flush: true, mode: 0o644 });
  } catch (cause) {
    throw new Failure('usage', 'usage', `${file} cannot be written (${codeOf(cause)})`, { cause });
  }
  const { version } = parsePolicy(Buffer.from(text)).policy;
  if (call.flag('json')) call.terminal.print(JSON.stringify({ version, file, complete }));
  else
    call.terminal.print(
      complete
        ? `${file}: version ${version}. Bring it to the hub: hub policy publish ${file}`
        : `${file}: version ${version}, which needs the signature of another root: hub policy sign ${file}`,
    );
  return 0;
}

function argument(call: Call, what: string): string {
  const given = call.positionals[1];
  if (given === undefined) throw new Failure('usage', 'usage', `${call.positionals[0]} needs ${what}`);
  return given;
}

function nodesOf(call: Call): string[] | undefined {
  const nodes = call.options('node');
  return nodes.length > 0 ? nodes : undefined;
}

function publicKeyIn(file: string): PublicKey {
  const [key, ...more] = parsePublicPem(readText(file));
  if (key === undefined || more.length > 0)
    throw new Failure('usage', 'usage', `${file} must hold one public key`);
  return key;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('usage', 'usage', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
}

function readPolicyFile(file: string): Policy {
  return parsePolicy(Buffer.from(readText(file))).policy;
}

function show(call: Call, policy: Policy): void {
  if (call.flag('json')) {
    const { nodes, persons, hub, ...rest } = policy;
    call.terminal.print(
      JSON.stringify({
        ...rest,
        hub: hub.key.id,
        nodes: nodes.map(({ key, ...node }) => ({ ...node, keyid: key.id })),
        persons: persons.map(({ name, keys }) => ({
          name,
          keys: keys.map(({ publicKey: _, ...key }) => key),
        })),
      }),
    );
  } else print(call, policy);
}

function print(call: Call, policy: Policy): void {
  const zone = { zone: 'UTC', lang: 'en' as const };
  const line = (text: string): void => call.terminal.print(text);
  line(`version ${policy.version}, ${localTime(policy.issuedAt, zone)}`);
  line(`hub ${policy.hub.key.id.slice(0, 16)}`);
  for (const { name, keys } of policy.persons)
    for (const { keyid, role, nodes } of keys)
      line(`${role.padEnd(10)} ${keyid.slice(0, 16)}  ${name}${nodes ? ` (${nodes.join(', ')})` : ''}`);
  for (const [act, needed] of Object.entries(policy.thresholds))
    line(
      `${act.padEnd(10)} ${Object.entries(needed)
        .map(([who, count]) => `${count} ${who}`)
        .join(', ')}`,
    );
  line(`holds      ${policy.holdPurposes.join(', ') || 'none'}, at most ${policy.holdMaxDays} days`);
  for (const { recipient, role, nodes, from, until } of policy.recipients)
    line(
      `${role.padEnd(10)} ${recipient}${nodes ? ` (${nodes.join(', ')})` : ''}, ${new Date(from).toISOString()} to ${new Date(until).toISOString()}`,
    );
  for (const { id, key, cameras } of policy.nodes)
    line(`${id.padEnd(10)} ${key.id.slice(0, 16)}  ${cameras.join(', ')}`);
}
