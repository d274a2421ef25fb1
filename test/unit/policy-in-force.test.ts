import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { openPolicy } from '#agent/policy/policy.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('policy in force');
const world = signedWorld();
const first = world.signPolicy(world.policyPayload());

async function open(folder: string, configured = first, trust = world.trust) {
  const lines: [string, unknown][] = [];
  const policy = await openPolicy({
    files: systemFiles,
    log: quietLog,
    folder,
    node: 'site-09',
    trust,
    configured,
    note: async (kind, { code, version }) => {
      lines.push([kind, code ?? version]);
    },
  });
  return { policy, lines };
}

test('a higher version that its roots signed comes into force, durably, and is told', async () => {
  using folder = temporaryFolder();
  const { policy, lines } = await open(folder.path);
  const told: number[] = [];
  policy.onChange(({ version }) => told.push(version));
  const second = world.signPolicy(world.policyPayload({ version: 4 }));
  assert.is(await policy.offer(first, 'mqtt'), 'known');
  assert.is(await policy.offer(second, 'mqtt'), 'taken');
  assert.is(await policy.offer(second, 'usb'), 'known');
  assert.is(policy.current().version, 4);
  assert.equal(told, [4]);
  assert.equal(lines, [['policy-taken', 4]]);
  assert.is((await open(folder.path)).policy.current().version, 4);
  // A configured file that is newer than what was carried here wins, an older one does not.
  const third = world.signPolicy(world.policyPayload({ version: 9 }));
  assert.is((await open(folder.path, third)).policy.current().version, 9);
  assert.is((await open(folder.path)).policy.current().version, 9);
});

test('refused: rollback, forged, malformed; each logged once however often it comes', async () => {
  using folder = temporaryFolder();
  const { policy, lines } = await open(folder.path);
  await policy.offer(world.signPolicy(world.policyPayload({ version: 5 })), 'mqtt');
  const offers: [Buffer, string][] = [
    [first, 'policy-rollback'],
    [world.signPolicy(world.policyPayload({ version: 5, logRetentionDays: 90 })), 'policy-rollback'],
    [world.signPolicy(world.policyPayload({ version: 6 }), [world.keys.officer]), 'policy-signature'],
    [world.signPolicy(world.policyPayload({ version: 6, recipients: [] })), 'policy-unsound'],
    [world.signPolicy({ ...world.policyPayload({ version: 6 }), extra: 1 }), 'policy-malformed'],
    [Buffer.from('{}'), 'policy-malformed'],
    [Buffer.alloc(1_100_000, 32), 'policy-malformed'],
  ];
  for (const round of [1, 2])
    for (const [bytes, code] of offers)
      assert.is(await codeThrown(() => policy.offer(bytes, `mqtt ${round}`)), code);
  assert.is(policy.current().version, 5);
  assert.equal(
    lines.slice(1),
    offers.map(([, code]) => ['policy-refused', code]),
  );
});

test('a change of roots is followed again from the first trust at every start', async () => {
  using folder = temporaryFolder();
  const newRoot = generateKeyPairSync('ed25519').privateKey;
  const persons = world.policyPayload().persons.slice(1);
  const next = {
    name: 'Nuova sindaca',
    keys: [{ keyid: world.idOf(newRoot), publicKey: publicKeyOf(newRoot).spki, role: 'root' as const }],
  };
  const changed = world.policyPayload({ version: 2, persons: [...persons, next] });
  const later = world.policyPayload({ version: 3, persons: [...persons, next] });
  const { policy } = await open(folder.path);
  // The old root alone cannot name a new one that does not sign, nor the new one itself.
  assert.is(await codeThrown(() => policy.offer(world.signPolicy(changed), 'usb')), 'policy-signature');
  assert.is(
    await codeThrown(() => policy.offer(world.signPolicy(changed, [newRoot]), 'usb')),
    'policy-signature',
  );
  await policy.offer(world.signPolicy(changed, [world.keys.root, newRoot]), 'usb');
  await policy.offer(world.signPolicy(later, [newRoot]), 'usb');
  assert.is((await open(folder.path)).policy.current().version, 3);
});

test('with another root in its configuration a box begins anew: nothing that the lost one signed counts', async () => {
  using folder = temporaryFolder();
  const { policy } = await open(folder.path);
  await policy.offer(world.signPolicy(world.policyPayload({ version: 7 })), 'mqtt');
  const newRoot = generateKeyPairSync('ed25519').privateKey;
  const [, ...others] = world.policyPayload().persons;
  const keys = [{ keyid: world.idOf(newRoot), publicKey: publicKeyOf(newRoot).spki, role: 'root' as const }];
  const persons = [{ name: 'Nuova sindaca', keys }, ...others];
  const trust = { roots: [publicKeyOf(newRoot)], threshold: 1 };
  const anew = world.signPolicy(world.policyPayload({ version: 2, persons }), [newRoot]);
  const again = await open(folder.path, anew, trust);
  assert.is(again.policy.current().version, 2);
  const old = world.signPolicy(world.policyPayload({ version: 8 }));
  assert.is(await codeThrown(() => again.policy.offer(old, 'mqtt')), 'policy-signature');
  const next = world.signPolicy(world.policyPayload({ version: 3, persons }), [newRoot]);
  assert.is(await again.policy.offer(next, 'mqtt'), 'taken');
  assert.is((await open(folder.path, anew, trust)).policy.current().version, 3);
});

test('without any policy that can be believed the configuration is wrong', async () => {
  using folder = temporaryFolder();
  const forged = world.signPolicy(world.policyPayload(), [world.keys.stranger]);
  assert.is(await codeThrown(() => open(folder.path, forged)), 'policy-signature');
  writeFileSync(join(folder.path, 'policies', '0000000002.dsse.json'), 'torn');
  assert.is((await open(folder.path)).policy.current().version, 1);
});

test('noise on the topic of policies fills no log: the seventeenth line says that more follow', async () => {
  using folder = temporaryFolder();
  const { policy, lines } = await open(folder.path);
  for (let i = 0; i < 100; i++) await codeThrown(() => policy.offer(Buffer.from(`noise ${i}`), 'mqtt'));
  assert.equal(lines, new Array(17).fill(['policy-refused', 'policy-malformed']));
  // A good one is taken all the same.
  assert.is(await policy.offer(world.signPolicy(world.policyPayload({ version: 2 })), 'mqtt'), 'taken');
});
