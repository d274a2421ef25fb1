import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { makeSigningKey } from '../../deploy/hub/setup/keys.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { verifyPackage } from '../../deploy/hub/viewing/verify.ts';
import { eventually } from '../support/eventually.ts';
import { caseFolder, inTown, officerIdentity, type World } from '../support/hub-case.ts';
import { scriptedNode, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('keys that change while cases live', { timeoutMs: 120_000 });

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
