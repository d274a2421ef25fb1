import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openPolicy } from '#agent/policy/policy.ts';
import { sha256 } from '#protocol/envelope.ts';
import { parsePublicPem } from '#protocol/key.ts';
import { topics } from '#protocol/topics.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { makeIdentity, makeSigningKey } from '../../deploy/hub/setup/keys.ts';
import { readIdentity } from '../../deploy/hub/viewing/identity.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { inTown, officerIdentity, registerLines, type World } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { quietLog } from '../support/log.ts';
import { openBytes, sealBytes } from '../support/sealed-bytes.ts';
import { suite } from '../support/suite.ts';

const test = suite('the policy at the hub', { timeoutMs: 120_000 });

/** Makes the next version with the root's key; its file. */
async function next(world: World, name: string, ...what: string[]): Promise<string> {
  const file = join(world.folder, name);
  const rootKey = what.includes('--root-key') ? [] : ['--root-key', join(world.town.hub, 'keys', 'root.key')];
  const made = await world.run('policy', ...what, ...rootKey, '--save', file);
  assert.is(made.code, 0, made.err);
  return file;
}

async function publish(world: World, file: string): Promise<void> {
  const done = await world.run('policy', 'publish', file);
  assert.is(done.code, 0, done.err);
}

/** What the hub says of its policy, as the node hears it. */
function policiesHeard({ node }: World): Buffer[] {
  const heard: Buffer[] = [];
  node.bus.subscribe(topics.hubPolicy, async ({ payload }) => void heard.push(payload));
  return heard;
}

/** The policy of a box, as `hub init` made it. */
async function boxPolicy({ town, folder }: World) {
  const lines: string[] = [];
  const policy = await openPolicy({
    files: systemFiles,
    log: quietLog,
    folder: join(folder, 'box'),
    node: town.node,
    trust: { roots: parsePublicPem(readFileSync(join(town.box, 'root.pub'), 'utf8')), threshold: 1 },
    configured: readFileSync(join(town.box, 'policy.dsse.json')),
    note: async (kind) => void lines.push(kind),
  });
  return { policy, lines };
}

test('the officer’s identity is rotated: what was sealed before and after opens with the right one', () =>
  inTown(async (world) => {
    const before = await world.delivered();
    const { policy } = await boxPolicy(world);
    const old = await readIdentity(officerIdentity(world), async () => '');
    const escrow = await readIdentity(join(world.town.hub, 'identities', 'escrow.age'), async () => '');
    const fresh = await makeIdentity(undefined);
    const freshFile = join(world.folder, 'fresh.age');
    writeFileSync(freshFile, fresh.file);
    const { secret } = await readIdentity(freshFile, async () => '');

    const first = await sealBytes(policy.recipients(Date.now()), Buffer.from('before'));
    const file = await next(world, 'p2', 'rotate-identity', 'officer', '--recipient', fresh.recipient);
    await publish(world, file);
    await policy.offer(readFileSync(file), 'mqtt');
    const second = await sealBytes(policy.recipients(Date.now()), Buffer.from('after'));

    assert.is((await openBytes(old.secret, first)).toString(), 'before');
    assert.is((await openBytes(secret, second)).toString(), 'after');
    assert.is(await codeThrown(() => openBytes(secret, first)), 'seal-no-identity');
    assert.is(await codeThrown(() => openBytes(old.secret, second)), 'seal-no-identity');
    for (const sealed of [first, second]) await openBytes(escrow.secret, sealed);

    // At the hub: a case from before, with the policy it was ordered under.
    const opened = await world.run('open', before, '--identity', officerIdentity(world), '--once');
    assert.is(opened.code, 0, opened.err);
    assert.is((await world.run('open', before, '--identity', freshFile, '--once')).code === 0, false);
    const checked = await world.run('verify', join(world.town.hub, 'data', 'cases', before));
    assert.is(checked.code, 0, checked.out);

    const noted = (await registerLines(world)).filter(({ kind }) => kind === 'policy');
    assert.equal(
      noted.map(({ version, hash }) => [version, hash]),
      [[2, sha256(readFileSync(file))]],
    );
    await world.run('policy', 'publish', file);
    assert.is((await registerLines(world)).filter(({ kind }) => kind === 'policy').length, 1);
  }));

test('a revoked operator’s command that is on its way is refused where it arrives', () =>
  inTown(async (world) => {
    const id = await world.granted();
    const envelope = await eventually('the command', () => world.node.commands[0]);
    await publish(world, await next(world, 'p2', 'revoke', 'Anna Incaricata'));
    const { policy } = await boxPolicy(world);
    const key = createPrivateKey(readFileSync(join(world.town.box, 'secrets', 'node-key')));
    const folder = join(world.folder, 'box', 'audit');
    mkdirSync(folder, { recursive: true });
    const { node } = world.town;
    const audit = await openAudit({ files: systemFiles, clock: systemClock, folder, node, key });
    const commands = await openCommands({
      files: systemFiles,
      clock: systemClock,
      log: quietLog,
      folder: join(world.folder, 'box', 'commands'),
      node,
      key,
      policy: () => policy.current().policy,
      clockTrusted: () => true,
      audit,
      publishStatus: () => {},
      runners: {},
    });
    await policy.offer(readFileSync(join(world.town.hub, 'policy.dsse.json')), 'mqtt');
    const status = await commands.receive(envelope, 'mqtt');
    assert.is(status?.state, 'refused');
    assert.is(status?.reason, 'bad-signature');
    await commands.close();
    await audit.close();
    // Nor does the hub take another one of hers.
    const again = await world.run(
      'extract',
      '--request',
      (await openClient(world.town.hub).get('GET /case', { id })).request as string,
    );
    assert.is(again.code, 2, again.out);
  }));

test('a node that missed a change of roots gets the step it misses, and then the newest', () =>
  inTown(async (world) => {
    const heard = policiesHeard(world);
    const root2 = makeSigningKey(undefined);
    writeFileSync(join(world.folder, 'root2.key'), root2.privatePem);
    writeFileSync(join(world.folder, 'root2.pub'), root2.publicPem);
    const old = join(world.town.hub, 'keys', 'root.key');
    const fresh = join(world.folder, 'root2.key');
    const keyFile = join(world.folder, 'root2.pub');
    const added = await next(world, 'p2', 'add-person', '--name', 'Vice', '--role', 'root', '--key', keyFile);
    await publish(world, added);
    const gone = await next(world, 'p3', 'revoke', 'Sindaco', '--root-key', old, '--root-key', fresh);
    await publish(world, gone);
    const last = await next(world, 'p4', 'set', '--hold-max-days', '90', '--root-key', fresh);
    await publish(world, last);

    // The box follows version 1, and cannot believe the newest.
    const { policy, lines } = await boxPolicy(world);
    assert.is(await codeThrown(() => policy.offer(readFileSync(last), 'mqtt')), 'policy-signature');
    assert.equal(lines, ['policy-refused']);
    const hears = async (version: number): Promise<Buffer> => {
      const seen = heard.length;
      const { node } = world;
      const hash = sha256(policy.current().bytes);
      await node.show(node.log('probe'));
      await node.checkpoint(node.head(undefined, undefined, version, hash));
      return await eventually(`a step for ${version}`, () => heard.slice(seen)[0]);
    };
    // The newest that version 1's root signed is the third.
    assert.is(await policy.offer(await hears(1), 'mqtt'), 'taken');
    assert.is(policy.current().version, 3);
    assert.is(await policy.offer(await hears(3), 'mqtt'), 'taken');
    assert.is(policy.current().version, 4);
    // A step for another node is old news here.
    assert.is(await codeThrown(() => policy.offer(readFileSync(gone), 'mqtt')), 'policy-signature');
    assert.equal(lines, ['policy-refused', 'policy-taken', 'policy-taken']);

    // And the hub finds its way again after a restart.
    await world.hub.close();
    world.hub = await serveHub(world.town.hub);
    assert.is((await openClient(world.town.hub).get('GET /status')).policyVersion, 4);
  }));

test('the hub takes no policy that a node would refuse, and keeps none', () =>
  inTown(async (world) => {
    const officer = join(world.town.hub, 'keys', 'officer.key');
    const stolen = await world.run(
      'policy',
      'revoke',
      'Sindaco',
      '--root-key',
      officer,
      '--save',
      join(world.folder, 'x'),
    );
    assert.is(stolen.code, 2);
    const nobody = await world.run(
      'policy',
      'revoke',
      'Sindaco',
      '--root-key',
      join(world.town.hub, 'keys', 'root.key'),
      '--save',
      join(world.folder, 'y'),
    );
    assert.is(nobody.code, 2, 'a policy without a root');
    const first = await next(world, 'p2', 'set', '--hold-max-days', '90');
    const other = await next(world, 'p2b', 'set', '--hold-max-days', '91');
    await publish(world, first);
    assert.is((await world.run('policy', 'publish', other)).code, 2, 'the same version again');
    const cut = join(world.folder, 'cut.json');
    writeFileSync(cut, readFileSync(first).subarray(0, 500));
    assert.is((await world.run('policy', 'publish', cut)).code, 2);
    const { policyVersion } = await openClient(world.town.hub).get('GET /status');
    assert.is(policyVersion, 2);
    const shown = await world.run('policy', 'show', '--json');
    assert.is(JSON.parse(shown.out).holdMaxDays, 90);
  }));
