import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import { instantText } from '#protocol/time.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { inShortTown, officerIdentity, registerLines, start, type World } from '../support/hub-case.ts';
import { writeMasks } from '../support/mask-file.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 c: for access to records and for data subjects no whole film, unless third parties are obscured.
const test = suite('Art. 9 c. 1 c: no plain film for access to records or data subjects', {
  timeoutMs: 180_000,
});

for (const purpose of ['records-access', 'data-subject'])
  test(`${purpose}: neither shown nor copied without masks, and never as recorded`, () =>
    inShortTown(async (world) => {
      const id = await world.delivered(purpose);
      const copy = join(world.folder, 'copy.zip');
      const masks = writeMasks(world);
      const open = (...args: string[]) =>
        world.run('open', id, '--identity', officerIdentity(world), ...args);
      assert.is((await open('--once')).code, 2);
      assert.is((await open('--once', '--still', instantText(start + 500))).code, 2);
      assert.is((await open('--pack', copy, '--zip')).code, 2);
      assert.is((await open('--pack', copy, '--zip', '--original')).code, 2);
      assert.is((await open('--pack', copy, '--zip', '--original', '--masks', masks)).code, 64);
      assert.not(existsSync(copy));
      assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened' || kind === 'packaged'));
    }));

/** What a package made with `args` holds. */
async function packed(world: World, id: string, args: string[]): Promise<string> {
  const secret = await generateX25519Identity();
  const file = join(world.folder, `${args.length}.tar.age`);
  const made = await world.run(
    ...['open', id, '--identity', officerIdentity(world), '--pack', file],
    ...['--for', await identityToRecipient(secret), ...args],
  );
  assert.is(made.code, 0, made.err);
  const folder = join(world.folder, `unpacked-${args.length}`);
  mkdirSync(folder);
  await readPackage(file, folder, { identity: async () => secret, passphrase: async () => '' });
  assert.is((await world.run('verify', folder, '--root', join(world.town.hub, 'root.pub'))).code, 0);
  return folder;
}

test('with masks, clip and stills leave masked, marked derived, and name what they were made of', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('data-subject');
    const masks = writeMasks(world);
    const folder = await packed(world, id, ['--masks', masks, '--still', instantText(start + 1000)]);
    const still = 'oscurato-20260115T100001000Z.png';
    assert.equal(readdirSync(folder).sort(), [
      'LEGGIMI.txt',
      'command.dsse.json',
      'contents.txt',
      'manifest.dsse.json',
      'masks.json',
      'oscurato-20260115T100001000Z.png',
      'oscurato.mp4',
      'policy.dsse.json',
      'proof.json',
      'verbale.json',
      'verbale.pdf',
      'viewing.json',
    ]);
    const derived = JSON.parse(readFileSync(join(folder, 'viewing.json'), 'utf8'));
    assert.equal(
      derived.sources,
      world.segments.map(({ name, listed }) => ({ name, sha256: listed.sha256 })),
    );
    const hash = sha256(readFileSync(masks));
    for (const one of [...derived.films, ...derived.stills]) {
      assert.is(one.derived.masks, hash);
      assert.match(one.derived.from, /^[0-9a-f]{64}$/);
      assert.is.not(one.derived.from, one.sha256);
    }
    assert.is(derived.stills[0].name, still);
    const stills = await packed(world, id, [
      ...['--masks', masks, '--still', instantText(start + 1000), '--stills-only'],
    ]);
    assert.not(readdirSync(stills).some((name) => name.endsWith('.mp4')));
    const opened = (await registerLines(world)).filter(({ kind }) => kind === 'opened');
    assert.equal(
      opened.map((line) => line['masks']),
      [hash, hash],
    );
  }));

test('of the clear film nothing is left beside what is shown', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('records-access');
    const args = ['open', id, '--identity', officerIdentity(world), '--masks', writeMasks(world), '--json'];
    const { spawnHub } = await import('../support/hub-town.ts');
    const hub = spawnHub([...args, '--hub', world.town.hub]);
    const { folder } = JSON.parse(await hub.line());
    assert.equal(readdirSync(folder).sort(), ['oscurato.mp4', 'verbale.pdf']);
    await hub.end();
    assert.not(existsSync(folder));
  }));

test('masks that hide nothing are refused, and nothing leaves', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('data-subject');
    const copy = join(world.folder, 'copy.zip');
    const whole = writeMasks(world, { x: 0, y: 0, width: 768, height: 576 });
    const open = (masks: string) =>
      world.run(
        ...['open', id, '--identity', officerIdentity(world), '--masks', masks, '--pack', copy, '--zip'],
      );
    assert.is((await open(whole)).code, 2);
    const broken = join(world.folder, 'broken.json');
    writeFileSync(broken, '{"version":1}');
    assert.is((await open(broken)).code, 78);
    assert.is((await open(join(world.folder, 'none.json'))).code, 64);
    assert.not(existsSync(copy));
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'packaged'));
  }));

test('the hub refuses it too, whatever program asks', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('data-subject');
    const client = openClient(world.town.hub);
    const recipient = readTrusted(world.town.hub).policy.recipients[0]?.recipient ?? '';
    const view = { by: 'x', id, recipient, present: [], swap: false };
    assert.is(await codeThrown(() => client.post('view', view)), 'masks-required');
    assert.is(
      await codeThrown(() => client.post('view', { ...view, masks: 'draw', original: true })),
      'original-not-allowed',
    );
    const pack = (...names: string[]) =>
      codeThrown(() =>
        client.post('pack', {
          by: 'x',
          id,
          how: 'zip',
          files: names.map((name) => ({ name, sha256: '0'.repeat(64) })),
        }),
      );
    for (const name of ['viewing.mp4', 'viewing-2.mp4', 'fotogramma-1.png', 'original/a.mp4', 'film.mp4'])
      assert.is(await pack('masks.json', 'oscurato.mp4', name), 'masks-required', name);
    assert.is(await pack('oscurato.mp4'), 'masks-required', 'without its masks');
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened' || kind === 'packaged'));
  }));

test('for the police the plain film is shown, and the segments as recorded when the officer says so', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('judicial-police');
    const plain = await packed(world, id, []);
    assert.ok(existsSync(join(plain, 'viewing.mp4')));
    assert.not(existsSync(join(plain, 'original')));
    const folder = await packed(world, id, ['--original']);
    const { originals } = JSON.parse(readFileSync(join(folder, 'viewing.json'), 'utf8'));
    assert.equal(
      world.segments.map(({ name, clear, listed }) => ({
        name: `original/${name.replace('.age', '')}`,
        sha256: sha256(clear),
        from: { name, sha256: listed.sha256 },
      })),
      originals,
    );
    for (const { name, sha256: hash } of originals) assert.is(sha256(readFileSync(join(folder, name))), hash);
  }));

test('as recorded is for police and defence alone', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('controller');
    const open = (...args: string[]) =>
      world.run('open', id, '--identity', officerIdentity(world), '--once', ...args);
    assert.is((await open('--original')).code, 2);
    assert.is((await open()).code, 0);
  }));
