import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { verifyMinutes } from '../../deploy/hub/minutes/minutes.ts';
import { makeIdentity, makeSigningKey } from '../../deploy/hub/setup/keys.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { verifyPackage } from '../../deploy/hub/viewing/verify.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { caseFolder, inTown, officerIdentity, type World } from '../support/hub-case.ts';
import { scriptedNode, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('keys that change while cases live', { timeoutMs: 240_000 });

/** A version made with these root keys, published. */
async function published(world: World, name: string, roots: string[], ...what: string[]): Promise<void> {
  const file = join(world.folder, name);
  const keys = roots.flatMap((root) => ['--root-key', root]);
  const made = await world.run('policy', ...what, ...keys, '--save', file);
  assert.is(made.code, 0, made.err);
  const done = await world.run('policy', 'publish', file);
  assert.is(done.code, 0, done.err);
}

function keyPair(world: World, name: string): { key: string; pub: string } {
  const made = makeSigningKey(undefined);
  const [key, pub] = [join(world.folder, `${name}.key`), join(world.folder, `${name}.pub`)];
  writeFileSync(key, made.privatePem);
  writeFileSync(pub, made.publicPem);
  return { key, pub };
}

/** Whether an extraction can be prepared and signed with these keys. */
async function granted(world: World, operator: string, officer: string): Promise<boolean> {
  const request = await world.request();
  const made = await world.run('extract', '--request', request, '--key', operator);
  if (made.code !== 0) return false;
  const { id } = JSON.parse(made.out) as { id: string };
  return (await world.run('authorise', id, '--yes', '--key', officer)).code === 0;
}

/** The node starts again, under the policy and with the key of now, and goes on with its log. */
async function restarted(world: World): Promise<void> {
  const { lines } = world.node;
  await world.node.close();
  world.node = await scriptedNode(world.town.hub, world.town.node, world.broker.url);
  world.node.lines.push(...lines);
}

test('a copy made after root and node changed their keys says so itself: it is verified without the hub', () =>
  inTown(async (world) => {
    const first = join(world.town.hub, 'keys', 'root.key');
    const second = keyPair(world, 'root2');
    await published(
      world,
      'p2',
      [first],
      'add-person',
      '--name',
      'Vice',
      '--role',
      'root',
      '--key',
      second.pub,
    );
    await published(world, 'p3', [first, second.key], 'revoke', 'Sindaco');
    await published(world, 'p4', [second.key], 'set', '--hold-max-days', '90');
    await restarted(world);
    const id = await world.delivered();

    const box = keyPair(world, 'box2');
    await published(world, 'p5', [second.key], 'set', '--hold-max-days', '91');
    await published(world, 'p6', [second.key], 'rotate-node', world.town.node, '--key', box.pub);
    writeFileSync(
      join(world.town.hub, 'nodes', world.town.node, 'secrets', 'node-key'),
      readFileSync(box.key),
    );
    await restarted(world);
    await world.node.show(world.node.log('started'));
    await world.node.checkpoint(world.node.head());
    await eventually('a head signed with the new key is cosigned', () => world.node.cosigned[0]);
    // The delivery was signed with the old one, and stays good, also for a hub that starts now.
    await world.hub.close();
    world.hub = await serveHub(world.town.hub);
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0);

    const secret = await generateX25519Identity();
    const identity = join(world.folder, 'requester');
    writeFileSync(identity, `${secret}\n`);
    const file = join(world.folder, 'copy.tar.age');
    const made = await world.run(
      ...['open', id, '--identity', officerIdentity(world), '--pack', file],
      ...['--for', await identityToRecipient(secret)],
    );
    assert.is(made.code, 0, made.err);
    await world.hub.close();
    const old = join(world.town.hub, 'root.pub');
    for (const root of [old, second.pub]) {
      const checked = await world.run('verify', file, '--identity', identity, '--root', root, '--json');
      assert.is(checked.code, 0, checked.out + checked.err);
    }
    const strange = await world.run('verify', file, '--identity', identity, '--root', box.pub, '--json');
    assert.is(strange.code, 1, 'another root');

    const folder = join(world.folder, 'unpacked');
    mkdirSync(folder);
    await readPackage(file, folder, { identity: async () => secret, passphrase: async () => '' });
    const policies = readdirSync(folder).filter((name) => name.startsWith('policy'));
    assert.equal(
      policies.sort(),
      ['policy-0000000003.dsse.json', 'policy-0000000006.dsse.json', 'policy.dsse.json'],
      'no more than it needs',
    );
    const failing = async (root: string): Promise<string | undefined> => {
      const bad = (await verifyPackage(folder, root)).find(({ ok }) => !ok);
      return bad && `${bad.what}/${bad.code}`;
    };
    assert.is(await failing(old), undefined);
    const without = async (name: string): Promise<string | undefined> => {
      const bytes = readFileSync(join(folder, name));
      rmSync(join(folder, name));
      const found = await failing(old);
      writeFileSync(join(folder, name), bytes);
      return found;
    };
    assert.is(await without('policy-0000000003.dsse.json'), 'policy/policy-signature');
    assert.is(await without('policy-0000000006.dsse.json'), 'files/files-differ');
    world.hub = await serveHub(world.town.hub);
  }));

test('the proof of a delivery is found in the log of the box that made it, after that was replaced', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    await world.node.state('offline');
    // Another log of at least the same length: a line of the same number is there, and is about something else.
    world.node.lines.length = 0;
    const replaced = await world.run('node', 'replace', world.town.node, '--reason', 'fulmine');
    assert.is(replaced.code, 0, replaced.err);
    await world.node.show(world.node.log('started'), world.node.log('probe'));
    await world.node.checkpoint(world.node.head());
    await eventually('the new log is cosigned', () => world.node.cosigned.at(-1)?.head.size === 2);
    const file = join(world.folder, 'copy.zip');
    const made = await world.run(
      ...['open', id, '--identity', officerIdentity(world), '--pack', file, '--zip', '--json'],
    );
    assert.is(made.code, 0, made.err);
    const passphrase = join(world.folder, 'passphrase');
    writeFileSync(passphrase, JSON.parse(made.out).passphrase);
    const root = join(world.town.hub, 'root.pub');
    const checked = await world.run('verify', file, '--passphrase-file', passphrase, '--root', root);
    assert.is(checked.code, 0, checked.out + checked.err);
  }));

test('a lost key of operator or officer is replaced by the root; the old one orders nothing any more', () =>
  inTown(async (world) => {
    const root = join(world.town.hub, 'keys', 'root.key');
    const old = (role: string): string => join(world.town.hub, 'keys', `${role}.key`);
    const now = { operator: old('operator'), officer: old('officer') };
    let version = 1;
    for (const [role, name] of [
      ['operator', 'Anna Incaricata'],
      ['officer', 'Bruno Responsabile'],
    ] as const) {
      const lost = await world.run('policy', 'show', '--json');
      const { persons } = JSON.parse(lost.out) as { persons: { name: string; keys: { keyid: string }[] }[] };
      const keyid = persons.find((person) => person.name === name)?.keys[0]?.keyid ?? '';
      const fresh = keyPair(world, `${role}2`);
      const added = ['add-person', '--name', name, '--role', role, '--key', fresh.pub];
      await published(world, `p${++version}`, [root], ...added);
      await published(world, `p${++version}`, [root], 'revoke', keyid);
      now[role] = fresh.key;
      assert.ok(await granted(world, now.operator, now.officer), `with the new key of the ${role}`);
      const before = { ...now, [role]: old(role) };
      assert.not(await granted(world, before.operator, before.officer), `with the lost key of the ${role}`);
    }
  }));

test('a lost root is replaced by the other root; the one that was lost signs nothing any more', () =>
  inTown(async (world) => {
    const lost = join(world.town.hub, 'keys', 'root.key');
    const other = keyPair(world, 'root2');
    await published(
      world,
      'p2',
      [lost],
      'add-person',
      '--name',
      'Vice',
      '--role',
      'root',
      '--key',
      other.pub,
    );
    const fresh = keyPair(world, 'root3');
    const blind = [
      'policy',
      'revoke',
      'Sindaco',
      '--root-key',
      other.key,
      '--save',
      join(world.folder, 'p3b'),
    ];
    assert.is((await world.run(...blind)).code, 2, 'a version that nobody it knows has signed');
    const strange = ['--root', keyPair(world, 'stranger').pub];
    assert.is((await world.run(...blind, ...strange)).code, 2);
    const known = ['--root', join(world.town.hub, 'root.pub')];
    await published(world, 'p3', [other.key], 'revoke', 'Sindaco', ...known);
    const person = ['--name', 'Sindaco', '--role', 'root', '--key', fresh.pub];
    await published(world, 'p4', [other.key], 'add-person', ...person);
    const by = ['--root', other.pub];
    const found = await world.run(
      ...['policy', 'set', '--hold-max-days', '10', '--root-key', lost, ...by],
      ...['--save', join(world.folder, 'p5')],
    );
    assert.is(found.code, 2, 'whoever finds it');
    await published(world, 'p5b', [fresh.key], 'set', '--hold-max-days', '10', ...by);
    await world.hub.close();
    world.hub = await serveHub(world.town.hub);
  }));

test('a lost escrow identity is replaced: the drill passes with the new one, and fails with the old', () =>
  inTown(async (world) => {
    await world.delivered();
    const fresh = await makeIdentity(undefined);
    const file = join(world.folder, 'escrow2.age');
    writeFileSync(file, fresh.file);
    const root = join(world.town.hub, 'keys', 'root.key');
    await published(world, 'p2', [root], 'rotate-identity', 'escrow', '--recipient', fresh.recipient);
    const drilled = await world.run('drill', '--identity', file, '--json');
    assert.is(drilled.code, 0, drilled.err);
    assert.is(JSON.parse(drilled.out).segment, undefined, 'what is here was sealed to the one before');
    const old = join(world.town.hub, 'identities', 'escrow.age');
    assert.is((await world.run('drill', '--identity', old)).code, 1, 'nodes do not seal to it any more');
  }));

test('another hub takes the place of one that was lost: its key in the policy, the nodes believe its answers', () =>
  inTown(async (world) => {
    await world.node.show(world.node.log('started'));
    await world.node.checkpoint(world.node.head());
    await eventually('a cosignature', () => world.node.cosigned[0]);
    const fresh = keyPair(world, 'hub2');
    const file = join(world.folder, 'p2');
    const root = join(world.town.hub, 'keys', 'root.key');
    const made = await world.run(
      'policy',
      'rotate-hub',
      '--key',
      fresh.pub,
      '--root-key',
      root,
      '--save',
      file,
    );
    assert.is(made.code, 0, made.err);
    assert.is((await world.run('policy', 'publish', file)).code, 2, 'not at the old hub');
    await world.hub.close();
    writeFileSync(join(world.town.hub, 'policy.dsse.json'), readFileSync(file));
    assert.is(await codeThrown(() => serveHub(world.town.hub)), 'other-hub');
    writeFileSync(join(world.town.hub, 'keys', 'hub.key'), readFileSync(fresh.key));
    world.hub = await serveHub(world.town.hub);
    // A node that checks with the key of its policy; a scripted one fails on any other.
    await restarted(world);
    await world.node.show(world.node.log('probe'));
    await world.node.checkpoint(world.node.head());
    assert.is((await eventually('a cosignature', () => world.node.cosigned[0])).head.size, 2);
  }));

test('minutes name the keys that signed: the hub’s of now, the node’s of the delivery', () =>
  inTown(async (world) => {
    const before = readTrusted(world.town.hub).policy;
    const id = await world.delivered();
    const root = join(world.town.hub, 'keys', 'root.key');
    const box = keyPair(world, 'box2');
    await published(world, 'p2', [root], 'rotate-node', world.town.node, '--key', box.pub);
    const fresh = keyPair(world, 'hub2');
    const file = join(world.folder, 'p3');
    const made = await world.run(
      ...['policy', 'rotate-hub', '--key', fresh.pub, '--root-key', root, '--save', file],
    );
    assert.is(made.code, 0, made.err);
    await world.hub.close();
    writeFileSync(
      join(world.town.hub, 'data', 'policies', '0000000002.dsse.json'),
      readFileSync(join(world.town.hub, 'policy.dsse.json')),
    );
    writeFileSync(join(world.town.hub, 'policy.dsse.json'), readFileSync(file));
    writeFileSync(join(world.town.hub, 'keys', 'hub.key'), readFileSync(fresh.key));
    world.hub = await serveHub(world.town.hub);
    const opened = await world.run('open', id, '--identity', officerIdentity(world), '--once');
    assert.is(opened.code, 0, opened.err);
    const printed = await world.run('minutes', id, '--json');
    assert.is(printed.code, 0, printed.err);
    const { policy } = readTrusted(world.town.hub);
    const minutes = verifyMinutes(Buffer.from(printed.out), [policy.hub.key]);
    const keyOf = (who: string) => minutes.signatures.find(({ what }) => what === who)?.keyid;
    assert.is(keyOf('hub'), policy.hub.key.id);
    assert.is(keyOf('node'), before.nodes[0]?.key.id);
    assert.is.not(policy.nodes[0]?.key.id, before.nodes[0]?.key.id);
  }));
